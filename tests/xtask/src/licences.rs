//! Whether everything we depend on may be shipped under Apache-2.0: each crate's licence expression against a list of permissive ones.

use serde_json::Value;

use crate::Outcome;
use crate::terminal::{count, done};

const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

pub(crate) fn check(packages: impl Iterator<Item = Value>) -> Outcome {
    let mut refused = Vec::new();
    let mut looked = 0;
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or("");
        looked += 1;
        if !is_allowed(licence) {
            let shown = if licence.is_empty() { "no licence expression" } else { licence };
            refused.push(format!("  {name} {}: {shown}", package["version"].as_str().unwrap_or_default()));
        }
    }
    if looked == 0 {
        return Err("no crate's licence was looked at".to_owned());
    }
    if refused.is_empty() {
        done("licences", format_args!("{}, all permissive", count(looked, "crate")));
        return Ok(());
    }
    Err(format!("licences that are not on the list of permissive ones:\n{}", refused.join("\n")))
}

/// Whether a licence expression can be met by licences on the list. `/` is what old crates wrote for OR.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    !words.is_empty() && any(&mut rest) && rest.is_empty()
}

/// `A OR B`: one of them. Both sides are always read, or the rest would be taken for the wrong thing.
fn any(rest: &mut &[&str]) -> bool {
    let mut allowed = all(rest);
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        allowed |= all(rest);
    }
    allowed
}

/// `A AND B`: both.
fn all(rest: &mut &[&str]) -> bool {
    let mut allowed = one(rest);
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        allowed &= one(rest);
    }
    allowed
}

fn one(rest: &mut &[&str]) -> bool {
    match **rest {
        ["(", ref inner @ ..] => {
            *rest = inner;
            let allowed = any(rest);
            let closed = rest.first() == Some(&")");
            *rest = rest.get(1..).unwrap_or_default();
            allowed && closed
        }
        [licence, "WITH", exception, ref after @ ..] => {
            *rest = after;
            ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()) || ALLOWED.contains(&licence)
        }
        [licence, ref after @ ..] => {
            *rest = after;
            ALLOWED.contains(&licence)
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_read_as_spdx_means_it() {
        for allowed in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "(MIT OR GPL-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-2.0 WITH Classpath-exception-2.0", "(MIT", "MIT AND", "MIT MIT"] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }
}
