//! Versions as the parameter `version` asks for them: `latest`, one version, or Maven's ranges such as `[3.0,4.0)`.

use std::cmp::Ordering;

/// Whether a version is among those that are asked for; `None` if the text asks for nothing.
pub(super) fn meets(wanted: &str) -> Option<impl Fn(&str) -> bool> {
    let ranges = if wanted == "latest" { vec![Range::default()] } else { ranges(wanted.trim())? };
    Some(move |version: &str| ranges.iter().any(|range| range.holds(version)))
}

/// Each bound with whether it belongs to the range.
#[derive(Default)]
struct Range {
    low: Option<(String, bool)>,
    high: Option<(String, bool)>,
}

impl Range {
    fn holds(&self, version: &str) -> bool {
        let is_above = self.low.as_ref().is_none_or(|(low, is_in)| match compare(version, low) {
            Ordering::Equal => *is_in,
            order => order == Ordering::Greater,
        });
        let is_below = self.high.as_ref().is_none_or(|(high, is_in)| match compare(version, high) {
            Ordering::Equal => *is_in,
            order => order == Ordering::Less,
        });
        is_above && is_below
    }
}

fn ranges(text: &str) -> Option<Vec<Range>> {
    if !text.starts_with(['[', '(']) {
        let is_one = !text.is_empty() && !text.contains([',', ']', ')', '[', '(']);
        return is_one.then(|| vec![Range { low: Some((text.to_owned(), true)), high: Some((text.to_owned(), true)) }]);
    }
    let mut ranges = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let holds_low = rest.starts_with('[');
        let inner = rest.strip_prefix(['[', '('])?;
        let end = inner.find([']', ')'])?;
        let holds_high = inner[end..].starts_with(']');
        let bound = |text: &str, is_in| (!text.trim().is_empty()).then(|| (text.trim().to_owned(), is_in));
        ranges.push(match inner[..end].split_once(',') {
            Some((low, high)) if !high.contains(',') => Range { low: bound(low, holds_low), high: bound(high, holds_high) },
            None if holds_low && holds_high && end > 0 => {
                let one = bound(&inner[..end], true);
                Range { low: one.clone(), high: one }
            }
            _ => return None,
        });
        rest = inner[end + 1..].trim_start_matches(',').trim_start();
    }
    Some(ranges)
}

/// Number by number; a part that is no number counts as text.
fn compare(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (one.split(['.', '-']), other.split(['.', '-']));
    loop {
        let (one, other) = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (one, other) => (one.unwrap_or("0"), other.unwrap_or("0")),
        };
        let order = match (one.parse::<u64>(), other.parse::<u64>()) {
            (Ok(one), Ok(other)) => one.cmp(&other),
            _ => one.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_maven_says_they_hold() {
        let holds = [
            ("latest", "3.5.4"),
            ("3.5.4", "3.5.4"),
            ("[3.5.4]", "3.5.4"),
            ("[3.0,4.0)", "3.5.4"),
            ("(,4)", "3.10"),
            ("(,1],[3,)", "3.5.4"),
        ];
        for (wanted, version) in holds {
            assert!(meets(wanted).unwrap()(version), "{wanted} {version}");
        }
        let holds_not =
            [("3.5", "3.5.4"), ("[3.0,3.5.4)", "3.5.4"), ("(3.5.4,)", "3.5.4"), ("[4.0,5.0)", "3.5.4"), ("[3.9,)", "3.5.4")];
        for (wanted, version) in holds_not {
            assert!(!meets(wanted).unwrap()(version), "{wanted} {version}");
        }
        for wrong in ["[", "[1,2,3]", "(1)", "[]", "1,2", "]", "[1,2] x"] {
            assert!(meets(wrong).is_none(), "{wrong}");
        }
    }
}
