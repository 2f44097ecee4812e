//! A Java pattern as `fancy-regex` reads it.

use std::iter::Peekable;
use std::str::Chars;

/// What Java says of the faults that are common, with the place where it sees them.
pub(super) fn fault(pattern: &str) -> Option<String> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut depth = 0_usize;
    let mut at = 0;
    // Whether there is something that a quantifier may follow.
    let mut repeatable = false;
    while at < chars.len() {
        match chars[at] {
            '\\' if chars.get(at + 1) == Some(&'Q') => {
                at = end_of_quote(&chars, at);
                repeatable = true;
                continue;
            }
            '\\' if at + 1 == chars.len() => return Some(told("Unexpected internal error", Some(chars.len()), &chars)),
            '\\' => {
                at = end_of_escape(&chars, at);
                repeatable = true;
            }
            '[' => match end_of_class(&chars, at) {
                Some(end) => {
                    at = end;
                    repeatable = true;
                }
                None => return Some(told("Unclosed character class", Some(chars.len() - 1), &chars)),
            },
            '(' => {
                depth += 1;
                repeatable = false;
                if chars.get(at + 1) == Some(&'?') {
                    at += 1;
                }
            }
            ')' if depth == 0 => return Some(told("Unmatched closing ')'", at.checked_sub(1), &chars)),
            ')' => {
                depth -= 1;
                repeatable = true;
            }
            '|' => repeatable = false,
            '*' | '+' | '?' if !repeatable => {
                return Some(told(&format!("Dangling meta character '{}'", chars[at]), Some(at), &chars));
            }
            '*' | '+' | '?' => {
                // Reluctant or possessive.
                at += usize::from(matches!(chars.get(at + 1), Some('?' | '+')));
                repeatable = false;
            }
            '{' => {
                let end = chars[at..].iter().position(|next| *next == '}').map(|length| at + length)?;
                at = end + usize::from(matches!(chars.get(end + 1), Some('?' | '+')));
                repeatable = false;
            }
            _ => repeatable = true,
        }
        at += 1;
    }
    (depth > 0).then(|| told("Unclosed group", Some(chars.len()), &chars))
}

fn told(what: &str, at: Option<usize>, pattern: &[char]) -> String {
    let near = at.map(|at| format!(" near index {at}")).unwrap_or_default();
    let mark = at.filter(|at| *at < pattern.len()).map(|at| format!("\n{}^", " ".repeat(at))).unwrap_or_default();
    format!("{what}{near}\n{}{mark}", pattern.iter().collect::<String>())
}

/// Behind `\E`, or the end.
fn end_of_quote(chars: &[char], start: usize) -> usize {
    let mut at = start + 2;
    while at < chars.len() {
        if chars[at] == '\\' && chars.get(at + 1) == Some(&'E') {
            return at + 2;
        }
        at += 1;
    }
    at
}

/// The last character of an escape: braces, as in `\p{Lower}`, are a part of it.
fn end_of_escape(chars: &[char], start: usize) -> usize {
    match chars.get(start + 1..start + 3) {
        Some(['p' | 'P' | 'x' | 'N', '{']) => {
            chars[start..].iter().position(|next| *next == '}').map_or(start + 1, |length| start + length)
        }
        _ => start + 1,
    }
}

/// Where the class that begins at `start` ends; classes may hold classes.
fn end_of_class(chars: &[char], start: usize) -> Option<usize> {
    let mut depth = 0;
    let mut at = start;
    let mut first = false;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 1,
            '[' => {
                depth += 1;
                at += usize::from(chars.get(at + 1) == Some(&'^'));
                first = true;
                at += 1;
                continue;
            }
            ']' if !first => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        first = false;
        at += 1;
    }
    None
}

pub(super) fn translate(pattern: &str) -> String {
    let mut translator = Translator { chars: pattern.chars().peekable(), written: String::with_capacity(pattern.len() + 16) };
    translator.run();
    translator.written
}

struct Translator<'a> {
    chars: Peekable<Chars<'a>>,
    written: String,
}

impl Translator<'_> {
    fn run(&mut self) {
        let mut depth = 0_usize;
        while let Some(next) = self.chars.next() {
            match next {
                '\\' => self.escape(depth > 0),
                '[' => {
                    depth += 1;
                    self.written.push('[');
                    if self.chars.next_if_eq(&'^').is_some() {
                        self.written.push('^');
                    }
                    if self.chars.next_if_eq(&']').is_some() {
                        self.written.push_str("\\]");
                    }
                }
                ']' if depth > 0 => {
                    depth -= 1;
                    self.written.push(']');
                }
                '(' if depth == 0 => {
                    self.written.push('(');
                    self.group_start();
                }
                _ => self.written.push(next),
            }
        }
    }

    /// Flags in the letters of the engine; `d`, `u` and `U` have no counterpart.
    fn group_start(&mut self) {
        let mut ahead = self.chars.clone();
        if ahead.next() != Some('?') {
            return;
        }
        let flags: String = ahead.take_while(|next| next.is_ascii_alphabetic() || *next == '-').collect();
        if flags.is_empty() || !flags.chars().all(|flag| "idmsuxU-".contains(flag)) {
            return;
        }
        for _ in 0..=flags.len() {
            self.chars.next();
        }
        let kept: String = flags.chars().filter(|flag| !"duU".contains(*flag)).collect();
        let kept = kept.strip_suffix('-').unwrap_or(&kept);
        match self.chars.next_if_eq(&')') {
            Some(_) if kept.is_empty() => self.written.push_str("?:)"),
            Some(end) => self.written.extend(["?", kept, end.encode_utf8(&mut [0; 4])]),
            None => self.written.extend(["?", kept]),
        }
    }

    fn escape(&mut self, in_class: bool) {
        let Some(next) = self.chars.next() else { return self.written.push('\\') };
        let class = match next {
            'd' => "0-9",
            'w' => "a-zA-Z_0-9",
            's' => " \\t\\n\\x0B\\f\\r",
            'h' => " \\t\\xA0\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}",
            'D' => "^0-9",
            'W' => "^a-zA-Z_0-9",
            'S' => "^ \\t\\n\\x0B\\f\\r",
            'p' | 'P' => return self.property(next, in_class),
            'Q' => return self.quote(),
            'u' => return self.code_point(4),
            'x' if self.chars.peek() != Some(&'{') => return self.code_point(2),
            _ if next.is_ascii_alphanumeric() => return self.written.extend(['\\', next]),
            _ => return self.literal(next),
        };
        match class.strip_prefix('^') {
            None if in_class => self.written.push_str(class),
            _ => self.written.extend(["[", class, "]"]),
        }
    }

    /// POSIX classes are ASCII, with a capital letter; the others are as the engine has them.
    fn property(&mut self, letter: char, in_class: bool) {
        let mut ahead = self.chars.clone();
        let name: String = if ahead.next() == Some('{') { ahead.take_while(|next| *next != '}').collect() } else { String::new() };
        let class = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "ASCII" => "\\x00-\\x7F",
            "Alpha" => "a-zA-Z",
            "Digit" => "0-9",
            "Alnum" => "a-zA-Z0-9",
            "Punct" => "!-/:-@\\[-`{-~",
            "Graph" => "!-~",
            "Print" => " -~",
            "Blank" => " \\t",
            "Cntrl" => "\\x00-\\x1F\\x7F",
            "XDigit" => "0-9a-fA-F",
            "Space" => " \\t\\n\\x0B\\f\\r",
            _ => return self.written.extend(['\\', letter]),
        };
        for _ in 0..name.len() + 2 {
            self.chars.next();
        }
        match letter {
            'P' => self.written.extend(["[^", class, "]"]),
            _ if in_class => self.written.push_str(class),
            _ => self.written.extend(["[", class, "]"]),
        }
    }

    fn quote(&mut self) {
        while let Some(next) = self.chars.next() {
            if next == '\\' && self.chars.next_if_eq(&'E').is_some() {
                return;
            }
            self.literal(next);
        }
    }

    fn code_point(&mut self, digits: usize) {
        let code: String = self.chars.by_ref().take(digits).collect();
        self.written.extend(["\\x{", &code, "}"]);
    }

    fn literal(&mut self, letter: char) {
        match letter {
            ' ' => self.written.push_str("\\x20"),
            _ if "\\.+*?()|[]{}^$#&-~".contains(letter) => self.written.extend(['\\', letter]),
            _ => self.written.push(letter),
        }
    }
}
