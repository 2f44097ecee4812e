//! Reads statements word by word, for the ones that are easier read by hand than through a grammar of many dialects: DDL, SHOW,
//! USE.

use sqlparser::dialect::SnowflakeDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::error::SqlError;
use super::types::SqlType;

/// A value bound to a `?`, in order.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) kind: String,
    pub(crate) value: Option<String>,
}

pub(crate) struct Cursor<'b> {
    tokens: Vec<Token>,
    at: usize,
    bindings: &'b [Binding],
}

impl<'b> Cursor<'b> {
    pub(crate) fn new(sql: &str, bindings: &'b [Binding]) -> Result<Self, SqlError> {
        let tokens = Tokenizer::new(&SnowflakeDialect {}, sql).tokenize().map_err(|error| SqlError::syntax(&error.to_string()))?;
        let mut tokens: Vec<_> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_) | Token::EOF)).collect();
        while tokens.last() == Some(&Token::SemiColon) {
            tokens.pop();
        }
        Ok(Self { tokens, at: 0, bindings })
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// The next word in upper case, without taking it.
    pub(crate) fn peek_word(&self) -> String {
        match self.peek() {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_uppercase(),
            _ => String::new(),
        }
    }

    pub(crate) fn peeks_token(&self, token: &Token) -> bool {
        self.peek() == Some(token)
    }

    /// Takes the words if they come next, all of them or none.
    pub(crate) fn takes(&mut self, words: &str) -> bool {
        let start = self.at;
        for word in words.split(' ') {
            if self.peek_word() != word {
                self.at = start;
                return false;
            }
            self.at += 1;
        }
        true
    }

    pub(crate) fn takes_token(&mut self, token: &Token) -> bool {
        let taken = self.peek() == Some(token);
        self.at += usize::from(taken);
        taken
    }

    pub(crate) fn expect(&mut self, words: &str) -> Result<(), SqlError> {
        if self.takes(words) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn expect_token(&mut self, token: &Token) -> Result<(), SqlError> {
        if self.takes_token(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn expect_end(&self) -> Result<(), SqlError> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn unexpected(&self) -> SqlError {
        match self.peek() {
            Some(token) => SqlError::syntax(&format!("unexpected '{token}'.")),
            None => SqlError::syntax("unexpected '<EOF>'."),
        }
    }

    /// One identifier, resolved.
    pub(crate) fn ident(&mut self) -> Result<String, SqlError> {
        let name = match self.peek() {
            Some(Token::Word(word)) if word.quote_style.is_some() => word.value.replace("\"\"", "\""),
            Some(Token::Word(word)) => word.value.to_uppercase(),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(name)
    }

    /// A name with dots, or `identifier('…')` or `identifier(?)`.
    pub(crate) fn name(&mut self) -> Result<Vec<String>, SqlError> {
        if self.peek_word() == "IDENTIFIER" && self.tokens.get(self.at + 1) == Some(&Token::LParen) {
            self.at += 2;
            let text = self.string()?;
            self.expect_token(&Token::RParen)?;
            let mut inner = Cursor::new(&text, &[])?;
            let name = inner.name()?;
            inner.expect_end()?;
            return Ok(name);
        }
        let mut parts = vec![self.ident()?];
        while self.takes_token(&Token::Period) {
            // `database..table`
            if self.peek() == Some(&Token::Period) {
                parts.push(String::new());
            } else {
                parts.push(self.ident()?);
            }
        }
        Ok(parts)
    }

    /// A text: a literal, or one that is bound.
    pub(crate) fn string(&mut self) -> Result<String, SqlError> {
        let text = match self.peek() {
            Some(Token::SingleQuotedString(text)) => text.clone(),
            Some(Token::Placeholder(_)) => {
                let nth = self.tokens[..self.at].iter().filter(|token| matches!(token, Token::Placeholder(_))).count();
                self.bindings
                    .get(nth)
                    .and_then(|binding| binding.value.clone())
                    .ok_or_else(|| SqlError::syntax("a binding is missing"))?
            }
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(text)
    }

    pub(crate) fn number(&mut self) -> Result<u32, SqlError> {
        let number = match self.peek() {
            Some(Token::Number(text, _)) => text.parse().ok(),
            _ => None,
        };
        self.at += usize::from(number.is_some());
        number.ok_or_else(|| self.unexpected())
    }

    /// A type with its arguments.
    pub(crate) fn sql_type(&mut self) -> Result<SqlType, SqlError> {
        let mut name = self.ident()?;
        for (first, second) in [("DOUBLE", "PRECISION"), ("CHAR", "VARYING")] {
            if name == first && self.takes(second) {
                name = format!("{first} {second}");
            }
        }
        for (suffix, joined) in [("WITH LOCAL TIME ZONE", "LTZ"), ("WITHOUT TIME ZONE", "NTZ"), ("WITH TIME ZONE", "TZ")] {
            if name == "TIMESTAMP" && self.takes(suffix) {
                name = format!("TIMESTAMP_{joined}");
            }
        }
        let mut arguments = Vec::new();
        if self.takes_token(&Token::LParen) {
            while !self.takes_token(&Token::RParen) {
                arguments.push(self.number()?);
                self.takes_token(&Token::Comma);
            }
        }
        SqlType::parse(&name, &arguments)
            .ok_or_else(|| SqlError::new("002040", "42601", format!("SQL compilation error:\nUnsupported data type '{name}'.")))
    }

    /// Takes one token, or everything between parentheses, and returns its text.
    pub(crate) fn skip_value(&mut self) -> String {
        let mut text = String::new();
        let mut depth = 0;
        while let Some(token) = self.peek().cloned() {
            self.at += 1;
            text.push_str(&token.to_string());
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 && self.peek() != Some(&Token::LParen) {
                break;
            }
        }
        text
    }
}
