//! Java's properties syntax, and the rule by which the usual image makes properties of environment variables.

use std::iter::Peekable;
use std::str::Chars;

use crate::config_def::ConfigMap;

/// Reads the text of a properties file: comments, escapes, lines continued by a backslash. A later key wins.
pub fn read_properties(text: &str) -> ConfigMap {
    let mut properties = ConfigMap::new();
    let mut lines = text.split(['\n', '\r']);
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches(is_blank);
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while ends_in_open_backslash(&logical) {
            logical.pop();
            // `\r\n` splits into a line and an empty one.
            let mut next = lines.next();
            if next == Some("") {
                next = lines.next();
            }
            let Some(next) = next else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        let (key, value) = split(&logical);
        properties.insert(key, Some(value));
    }
    properties
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn ends_in_open_backslash(line: &str) -> bool {
    line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that is not escaped.
fn split(line: &str) -> (String, String) {
    let mut chars = line.chars().peekable();
    let mut key = String::new();
    while let Some(c) = chars.next_if(|c| !matches!(c, '=' | ':') && !is_blank(*c)) {
        push(c, &mut chars, &mut key);
    }
    while chars.next_if(|c| is_blank(*c)).is_some() {}
    if chars.next_if(|c| matches!(c, '=' | ':')).is_some() {
        while chars.next_if(|c| is_blank(*c)).is_some() {}
    }
    let mut value = String::new();
    while let Some(c) = chars.next() {
        push(c, &mut chars, &mut value);
    }
    (key, value)
}

/// Adds `c` to `text`; after a backslash, what the escape stands for.
fn push(c: char, chars: &mut Peekable<Chars<'_>>, text: &mut String) {
    if c != '\\' {
        text.push(c);
        return;
    }
    match chars.next() {
        Some('t') => text.push('\t'),
        Some('n') => text.push('\n'),
        Some('r') => text.push('\r'),
        Some('f') => text.push('\u{c}'),
        Some('u') => text.push(unicode(chars)),
        Some(other) => text.push(other),
        None => {}
    }
}

/// `XXXX`, or the two halves of a pair `XXXX\uXXXX`.
fn unicode(chars: &mut Peekable<Chars<'_>>) -> char {
    let high = hex(chars);
    let mut ahead = chars.clone();
    if (0xd800..0xdc00).contains(&high) && ahead.next() == Some('\\') && ahead.next() == Some('u') {
        let low = hex(&mut ahead);
        if (0xdc00..0xe000).contains(&low) {
            *chars = ahead;
            return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER);
        }
    }
    char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn hex(chars: &mut Peekable<Chars<'_>>) -> u32 {
    let mut number = 0;
    for _ in 0..4 {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(16)) else { break };
        chars.next();
        number = number * 16 + digit;
    }
    number
}

/// Variables whose names do not follow the rule, or that belong to the image.
const NOT_WORKER_KEYS: [&str; 3] =
    ["CONNECT_CUB_KAFKA_TIMEOUT", "CONNECT_LOG4J_APPENDER_STDOUT_LAYOUT_CONVERSIONPATTERN", "CONNECT_KAFKA_HEAP_OPTS"];

/// The worker properties in the environment: `CONNECT_` comes off, `_` is a dot, `__` an underscore, `___` a dash.
///
/// `KAFKA_OPTS` may name the login file of the basic authentication extension.
pub fn from_environment(vars: impl Iterator<Item = (String, String)>) -> ConfigMap {
    let mut properties = ConfigMap::new();
    for (name, value) in vars {
        if let Some(rest) = name.strip_prefix("CONNECT_")
            && !NOT_WORKER_KEYS.contains(&&*name)
        {
            properties.insert(key_of(rest), Some(value));
        } else if name == "KAFKA_OPTS"
            && let Some(file) =
                value.split_whitespace().find_map(|option| option.strip_prefix("-Djava.security.auth.login.config="))
        {
            properties.insert("snowgate.jaas.file".to_owned(), Some(file.trim_matches('"').to_owned()));
        }
    }
    // The environment has no order; reports should have one.
    properties.sort_keys();
    properties
}

fn key_of(variable: &str) -> String {
    let mut key = String::new();
    let mut rest = variable;
    while let Some(c) = rest.chars().next() {
        let underscores = rest.chars().take_while(|c| *c == '_').count().min(3);
        key.push(match underscores {
            0 => c.to_ascii_lowercase(),
            1 => '.',
            2 => '_',
            _ => '-',
        });
        rest = &rest[c.len_utf8().max(underscores)..];
    }
    key
}
