//! From a predicate's text to what is asked of each record.
//!
//! ```text
//! predicate  = all { "||" all }
//! all        = one { "&&" one }
//! one        = "!" one | operand [ comparison operand | "in" "[" literal { "," literal } "]" ]
//! comparison = "==" | "!=" | "<" | "<=" | ">" | ">="
//! operand    = "(" predicate ")" | literal | word | function "(" … ")" | field
//! field      = name { "." name }, a name being a word or anything in backticks
//! ```
//!
//! Types are settled here: a field is what it is compared with, so of two fields one must be named a `number(…)` or a `text(…)`. [`words`]
//! reads what has no parts.

mod words;

use super::{Comparison, Operand, Predicate, Source, Test, TextTest};
use crate::json::{Fields, Found};

/// Parentheses and `!` within each other; each costs stack.
const DEPTH: usize = 64;

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

const TEXT_TESTS: [(&str, TextTest); 4] = [
    ("starts_with", TextTest::StartsWith),
    ("ends_with", TextTest::EndsWith),
    ("contains", TextTest::Contains),
    ("matches", TextTest::Matches),
];

const FUNCTIONS: &str = "`exists`, `header`, `number`, `text`, `starts_with`, `ends_with`, `contains` and `matches`";

/// Where the text stops making sense, and what would.
#[derive(Debug)]
pub(super) struct Mistake {
    at: usize,
    what: String,
}

impl Mistake {
    pub(super) fn describe(&self, option: &str, text: &str) -> String {
        const SHOWN: usize = 24;
        let (before, rest) = text.split_at(self.at);
        let Mistake { what, .. } = self;
        if rest.is_empty() {
            return format!("`{option}` is wrong at its end: {what}");
        }
        let dots = if rest.chars().count() > SHOWN { "…" } else { "" };
        let rest: String = rest.chars().take(SHOWN).collect();
        format!("`{option}` is wrong at character {}, `{rest}{dots}`: {what}", before.chars().count() + 1)
    }
}

pub(super) fn parse(text: &str) -> Result<Predicate, Mistake> {
    let mut parser = Parser { text, at: 0, depth: 0, fields: Fields::default() };
    let whole = parser.predicate()?;
    parser.blanks();
    if parser.at < text.len() {
        return Err(parser.unexpected(&whole));
    }
    let test = whole.into_test()?;
    Ok(Predicate { test, fields: parser.fields, found: Found::default() })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    fields: Fields,
}

/// A part of the text and what it means.
struct Part<'a> {
    at: usize,
    text: &'a str,
    meaning: Meaning,
}

enum Meaning {
    Test(Test),
    Text(Source),
    Number(Source),
    /// A field whose type is not settled yet.
    Field(Source),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Boolean,
    Text,
    Number,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Type::Boolean => "true or false",
            Type::Text => "text",
            Type::Number => "a number",
        }
    }
}

impl Part<'_> {
    fn mistake(&self, what: impl Into<String>) -> Mistake {
        Mistake { at: self.at, what: what.into() }
    }

    /// `None` for a field whose type is not settled.
    fn kind(&self) -> Option<Type> {
        match &self.meaning {
            Meaning::Test(_) => Some(Type::Boolean),
            Meaning::Text(_) => Some(Type::Text),
            Meaning::Number(_) => Some(Type::Number),
            Meaning::Field(_) => None,
        }
    }

    /// As something true or false.
    fn into_test(self) -> Result<Test, Mistake> {
        match self.meaning {
            Meaning::Test(test) => Ok(test),
            Meaning::Field(source) => Ok(Test::Flag(Operand { source, name: self.text.to_owned() })),
            Meaning::Text(_) | Meaning::Number(_) => {
                let kind = self.kind().map_or("", Type::as_str);
                Err(self.mistake(format!(
                    "`{}` is {kind}, and what is true or false is expected: compare it with something",
                    self.text
                )))
            }
        }
    }

    /// As a value of this type, which is text or a number.
    fn into_operand(self, wanted: Type) -> Result<Operand, Mistake> {
        let kind = self.kind().unwrap_or(wanted);
        if kind != wanted {
            let hint = match (&self.meaning, wanted) {
                (Meaning::Text(Source::Text(_)), _) => ", so leave the quotes out".to_owned(),
                (Meaning::Text(_), Type::Number) => format!(": write `number({})`", self.text),
                _ => String::new(),
            };
            let (kind, wanted) = (kind.as_str(), wanted.as_str());
            return Err(self.mistake(format!("`{}` is {kind}, and {wanted} is expected{hint}", self.text)));
        }
        match self.meaning {
            Meaning::Text(source) | Meaning::Number(source) | Meaning::Field(source) => {
                Ok(Operand { source, name: self.text.to_owned() })
            }
            Meaning::Test(_) => unreachable!("no operand is wanted to be true or false"),
        }
    }
}

impl<'a> Parser<'a> {
    fn predicate(&mut self) -> Result<Part<'a>, Mistake> {
        self.joined("||", Parser::all, Test::Any)
    }

    fn all(&mut self) -> Result<Part<'a>, Mistake> {
        self.joined("&&", Parser::one, Test::All)
    }

    fn joined(
        &mut self,
        sign: &str,
        part: fn(&mut Self) -> Result<Part<'a>, Mistake>,
        join: fn(Vec<Test>) -> Test,
    ) -> Result<Part<'a>, Mistake> {
        let first = part(self)?;
        let at = first.at;
        if !self.takes(sign) {
            return Ok(first);
        }
        let mut tests = vec![first.into_test()?, part(self)?.into_test()?];
        while self.takes(sign) {
            tests.push(part(self)?.into_test()?);
        }
        Ok(self.part(at, Meaning::Test(join(tests))))
    }

    fn one(&mut self) -> Result<Part<'a>, Mistake> {
        self.blanks();
        let at = self.at;
        if !self.rest().starts_with("!=") && self.takes("!") {
            let test = self.deeper(Parser::one)?.into_test()?;
            return Ok(self.part(at, Meaning::Test(Test::Not(Box::new(test)))));
        }
        let left = self.operand()?;
        self.blanks();
        if let Some((sign, comparison)) = COMPARISONS.iter().find(|(sign, _)| self.rest().starts_with(sign)) {
            let sign_at = self.at;
            self.at += sign.len();
            let right = self.operand()?;
            let test = compare(*comparison, left, right, sign_at)?;
            return Ok(self.part(at, Meaning::Test(test)));
        }
        if self.takes_word("in") {
            let test = self.list(left)?;
            return Ok(self.part(at, Meaning::Test(test)));
        }
        Ok(left)
    }

    /// What stands behind `in`.
    fn list(&mut self, left: Part<'a>) -> Result<Test, Mistake> {
        self.expect("[")?;
        let mut literals = Vec::new();
        loop {
            self.blanks();
            let at = self.at;
            let literal = self.literal()?.ok_or_else(|| self.here("a list holds texts such as `\"BTC\"`, or numbers"))?;
            literals.push(self.part(at, literal));
            if !self.takes(",") {
                break;
            }
        }
        self.expect("]")?;
        let Some(kind) = literals[0].kind().filter(|kind| *kind != Type::Boolean) else {
            return Err(literals[0].mistake("a list holds texts such as `\"BTC\"`, or numbers"));
        };
        let of_kind = |literal: Part<'_>| {
            literal.into_operand(kind).map(|operand| match operand.source {
                Source::Text(text) | Source::Number(text) => text,
                _ => unreachable!("literals are texts and numbers"),
            })
        };
        let left = left.into_operand(kind)?;
        let texts = literals.into_iter().map(of_kind).collect::<Result<Vec<_>, _>>()?;
        if kind == Type::Number {
            return Ok(Test::AmongNumbers(left, texts));
        }
        let mut texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        texts.sort();
        Ok(Test::AmongTexts(left, texts))
    }

    fn operand(&mut self) -> Result<Part<'a>, Mistake> {
        self.blanks();
        let at = self.at;
        if self.takes("(") {
            let inner = self.deeper(Parser::predicate)?;
            self.expect(")")?;
            return Ok(self.part(at, inner.meaning));
        }
        if let Some(literal) = self.literal()? {
            return Ok(self.part(at, literal));
        }
        let word = self.word();
        if word.is_empty() && !self.rest().starts_with('`') {
            return Err(self.here("expected a field, a value such as `\"BTC\"`, `1.5` or `true`, a function, `!` or `(`"));
        }
        if !word.is_empty() && self.takes("(") {
            let meaning = self.function(word, at)?;
            self.blanks();
            self.expect(")")?;
            return Ok(self.part(at, meaning));
        }
        let meaning = match word {
            "tombstone" => Meaning::Test(Test::Tombstone),
            "key" => Meaning::Text(Source::Key),
            "topic" => Meaning::Text(Source::Topic),
            "partition" => Meaning::Number(Source::Partition),
            "offset" => Meaning::Number(Source::Offset),
            "timestamp" => Meaning::Number(Source::Timestamp),
            "null" => return Err(Mistake { at, what: "null is compared with nothing: write `!exists(…)`".into() }),
            "in" => return Err(Mistake { at, what: "before `in` stands what is looked for".into() }),
            _ => {
                self.at = at;
                return self.field();
            }
        };
        if self.rest().starts_with('.') {
            return Err(Mistake {
                at,
                what: format!("`{word}` is the record's own; a field of that name is written `` `{word}` ``"),
            });
        }
        Ok(self.part(at, meaning))
    }

    fn field(&mut self) -> Result<Part<'a>, Mistake> {
        let at = self.at;
        let mut names = Vec::new();
        loop {
            let quoted = self.rest().strip_prefix('`');
            let name = match quoted {
                Some(rest) => {
                    let end = rest.find('`').ok_or_else(|| self.here("the backtick that ends the name is missing"))?;
                    self.at += end + 2;
                    &rest[..end]
                }
                None => self.word(),
            };
            if name.is_empty() {
                return Err(self.here("expected a name; one with other than letters, digits and `_` stands in backticks"));
            }
            names.push(name.to_owned());
            if !self.rest().starts_with('.') {
                break;
            }
            self.at += 1;
        }
        let field = self.fields.add(&names);
        Ok(self.part(at, Meaning::Field(Source::Field(field))))
    }

    /// What stands in the parentheses behind a function's name.
    fn function(&mut self, name: &str, at: usize) -> Result<Meaning, Mistake> {
        if let Some((_, test)) = TEXT_TESTS.iter().find(|(known, _)| *known == name) {
            let operand = self.operand()?.into_operand(Type::Text)?;
            self.expect(",")?;
            let with = self.quoted("text in quotes")?;
            return Ok(Meaning::Test(Test::Text(*test, operand, with.into_bytes())));
        }
        match name {
            "header" => self.quoted("the header's name in quotes").map(|name| Meaning::Text(Source::Header(name))),
            "exists" | "number" | "text" => {
                let inner = self.deeper(Parser::operand)?;
                let source = match (&inner.meaning, name) {
                    (Meaning::Field(source), _) => source.clone(),
                    (Meaning::Text(source @ (Source::Header(_) | Source::Key)), _) => source.clone(),
                    _ => {
                        let what = format!("`{name}` is for a field, `header(\"…\")` and `key`, not for `{}`", inner.text);
                        return Err(inner.mistake(what));
                    }
                };
                Ok(match name {
                    "exists" => Meaning::Test(Test::Exists(Operand { source, name: inner.text.to_owned() })),
                    "number" => Meaning::Number(source),
                    _ => Meaning::Text(source),
                })
            }
            _ => Err(Mistake { at, what: format!("there is no function `{name}`: there are {FUNCTIONS}") }),
        }
    }

    fn deeper(&mut self, inner: fn(&mut Self) -> Result<Part<'a>, Mistake>) -> Result<Part<'a>, Mistake> {
        if self.depth == DEPTH {
            return Err(self.here(&format!("parentheses and `!` may stand {DEPTH} deep")));
        }
        self.depth += 1;
        let part = inner(self);
        self.depth -= 1;
        part
    }

    /// What is wrong where more follows than a whole predicate.
    fn unexpected(&self, before: &Part<'_>) -> Mistake {
        let word: &str = self.rest().split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
        match (word, self.rest().as_bytes()[0]) {
            ("and", _) | (_, b'&') => self.here("write `&&`"),
            ("or", _) | (_, b'|') => self.here("write `||`"),
            ("not", _) => self.here("write `!(… in […])`"),
            (_, b'=') if !self.rest().starts_with("==") => self.here("write `==`"),
            _ if before.kind() == Some(Type::Boolean) => self.here("expected `&&`, `||` or the end"),
            _ => self.here("expected a comparison such as `==`, or `in`, `&&`, `||` or the end"),
        }
    }

    fn part(&self, at: usize, meaning: Meaning) -> Part<'a> {
        Part { at, text: self.text[at..self.at].trim_end(), meaning }
    }
}

/// Settles the types of both sides.
fn compare(comparison: Comparison, left: Part<'_>, right: Part<'_>, sign_at: usize) -> Result<Test, Mistake> {
    // Where the types differ, text is what can be made something else of.
    let kinds = left.kind().into_iter().chain(right.kind());
    let Some(kind) = kinds.max_by_key(|kind| *kind != Type::Text) else {
        let (left, right) = (left.text, right.text);
        let what = format!("say how two fields are compared: `number({left})` and `{right}`, or `text({left})` and `{right}`");
        return Err(Mistake { at: sign_at, what });
    };
    match (kind, comparison) {
        (Type::Number, _) => Ok(Test::Numbers(comparison, left.into_operand(kind)?, right.into_operand(kind)?)),
        (Type::Text, _) => Ok(Test::Texts(comparison, left.into_operand(kind)?, right.into_operand(kind)?)),
        (Type::Boolean, Comparison::Equal | Comparison::NotEqual) => {
            let same = Test::Same(Box::new(left.into_test()?), Box::new(right.into_test()?));
            Ok(if comparison == Comparison::Equal { same } else { Test::Not(Box::new(same)) })
        }
        (Type::Boolean, _) => Err(Mistake { at: sign_at, what: "what is true or false is compared by `==` and `!=`".into() }),
    }
}

#[cfg(test)]
mod tests;
