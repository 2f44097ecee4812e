//! Identifiers between two worlds: Snowflake tells `"a"` from `"A"`, the engine does not. A lower-case letter is therefore written
//! as `^` and its upper-case form, and `^` as `^^`; unquoted names, which are in upper case, stay as they are.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// A name as Snowflake resolves it: quoted as written, otherwise in upper case.
pub(crate) fn resolve(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_uppercase() }
}

/// The parts of a name that may have dots.
pub(crate) fn parts(name: &ObjectName) -> Vec<String> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => resolve(ident),
            ObjectNamePart::Function(function) => function.to_string().to_uppercase(),
        })
        .collect()
}

/// A name as the engine gets it, quoted.
pub(crate) fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    out.push('"');
    for c in name.chars() {
        match c {
            '"' => out.push_str("\"\""),
            '^' => out.push_str("^^"),
            'a'..='z' => {
                out.push('^');
                out.push(c.to_ascii_uppercase());
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The way back, from an unquoted name as the engine prints it.
pub(crate) fn decode(encoded: &str) -> String {
    let mut out = String::with_capacity(encoded.len());
    let mut chars = encoded.chars();
    while let Some(c) = chars.next() {
        match c {
            '^' => match chars.next() {
                Some('^') => out.push('^'),
                Some(letter) => out.push(letter.to_ascii_lowercase()),
                None => {}
            },
            _ => out.push(c),
        }
    }
    out
}

/// A text as a literal for the engine.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_stay_apart_and_come_back() {
        for name in ["PLAIN", "lower", "Mi^xed", "a\"b", "é"] {
            let encoded = encode(name);
            assert_eq!(decode(&encoded[1..encoded.len() - 1].replace("\"\"", "\"")), name);
        }
        assert!(!encode("a").eq_ignore_ascii_case(&encode("A")));
    }
}
