//! Sizes and durations as a person writes them: `"4MiB"`, `"500ms"`.
//!
//! A value is a whole number and a unit, so that no number in the configuration leaves its reader guessing. Both types read and
//! print the same text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// Why a text is not a value with a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{written}` is not {what}")]
pub(crate) struct UnitError {
    written: String,
    what: &'static str,
    hint: String,
}

impl UnitError {
    /// What to write instead.
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

/// Units of size, the small ones first; powers of 1,024 and of 1,000 both, for both are in use.
const SIZES: &[(&str, u64)] =
    &[("B", 1), ("KB", 1_000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("GiB", 1 << 30)];

/// Units of time in milliseconds, the small ones first.
const TIMES: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ByteSize(u64);

impl ByteSize {
    pub(crate) const fn mib(count: u64) -> ByteSize {
        ByteSize(count << 20)
    }

    pub(crate) const fn kib(count: u64) -> ByteSize {
        ByteSize(count << 10)
    }

    /// In bytes. A size beyond the address space is as good as the largest one.
    pub(crate) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(written: &str) -> Result<ByteSize, UnitError> {
        parse(written, SIZES).map(ByteSize).map_err(|near| UnitError {
            written: written.to_owned(),
            what: "a size",
            hint: near.unwrap_or_else(|| "write a whole number and a unit: `64KiB`, `4MiB`, `1GiB`".to_owned()),
        })
    }
}

impl TryFrom<String> for ByteSize {
    type Error = UnitError;

    fn try_from(written: String) -> Result<ByteSize, UnitError> {
        written.parse()
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, &[SIZES[6], SIZES[4], SIZES[2], SIZES[0]])
    }
}

/// A length of time, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HumanDuration(u64);

impl HumanDuration {
    pub(crate) const fn millis(count: u64) -> HumanDuration {
        HumanDuration(count)
    }

    pub(crate) const fn seconds(count: u64) -> HumanDuration {
        HumanDuration(count * 1_000)
    }

    pub(crate) fn get(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for HumanDuration {
    type Err = UnitError;

    fn from_str(written: &str) -> Result<HumanDuration, UnitError> {
        parse(written, TIMES).map(HumanDuration).map_err(|near| UnitError {
            written: written.to_owned(),
            what: "a duration",
            hint: near.unwrap_or_else(|| "write a whole number and a unit: `500ms`, `1s`, `2m`".to_owned()),
        })
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = UnitError;

    fn try_from(written: String) -> Result<HumanDuration, UnitError> {
        written.parse()
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, &[TIMES[3], TIMES[2], TIMES[1], TIMES[0]])
    }
}

/// The number times its unit, or, where only the unit is unknown, what it may have been meant to be.
fn parse(written: &str, units: &[(&str, u64)]) -> Result<u64, Option<String>> {
    let digits = written.len() - written.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = written.split_at(digits);
    let number: u64 = number.parse().map_err(|_| None)?;
    let unit = unit.trim();
    if let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) {
        return number.checked_mul(*factor).ok_or(None);
    }
    // `4M`, `4mib`, `5sec`: the last unit that begins as this one does is the larger, and for sizes the power of 1,024.
    let wanted = unit.to_ascii_lowercase();
    let alike = |name: &str| {
        let name = name.to_ascii_lowercase();
        !wanted.is_empty() && (name.starts_with(&wanted) || wanted.starts_with(&name))
    };
    let near =
        units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).or_else(|| units.iter().rev().find(|(name, _)| alike(name)));
    Err(near.map(|(name, _)| format!("did you mean `{number}{name}`?")))
}

/// `count` in the largest of `units` that leaves a whole number.
fn print(f: &mut fmt::Formatter<'_>, count: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (name, factor) =
        units.iter().find(|(_, factor)| count >= *factor && count.is_multiple_of(*factor)).unwrap_or(&units[units.len() - 1]);
    write!(f, "{}{name}", count / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_and_a_unit() {
        let bytes = |written: &str| written.parse::<ByteSize>().unwrap().bytes();
        assert_eq!(bytes("0B"), 0);
        assert_eq!(bytes("64KiB"), 65_536);
        assert_eq!(bytes("64KB"), 64_000);
        assert_eq!(bytes("4 MiB"), 4_194_304);
        assert_eq!(bytes("1GB"), 1_000_000_000);
        for refused in ["", "4", "MiB", "1.5MiB", "-1MiB", "4 MiB x", "99999999999999999999B", "18446744073709551615GiB", "٤MiB"] {
            assert!(refused.parse::<ByteSize>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        let duration = |written: &str| written.parse::<HumanDuration>().unwrap().get();
        assert_eq!(duration("500ms"), Duration::from_millis(500));
        assert_eq!(duration("1s"), Duration::from_secs(1));
        assert_eq!(duration("2m"), Duration::from_secs(120));
        assert_eq!(duration("1h"), Duration::from_secs(3_600));
        for refused in ["", "5", "s", "1.5s", "1s500ms", "5 parsecs"] {
            assert!(refused.parse::<HumanDuration>().is_err(), "{refused}");
        }
    }

    #[test]
    fn a_wrong_unit_is_answered_with_the_right_one() {
        let told = |error: UnitError| format!("{error}; {}", error.hint());
        let size = |written: &str| told(written.parse::<ByteSize>().unwrap_err());
        assert_eq!(size("4M"), "`4M` is not a size; did you mean `4MiB`?");
        assert_eq!(size("4mb"), "`4mb` is not a size; did you mean `4MB`?");
        assert_eq!(size("four"), "`four` is not a size; write a whole number and a unit: `64KiB`, `4MiB`, `1GiB`");
        let duration = |written: &str| told(written.parse::<HumanDuration>().unwrap_err());
        assert_eq!(duration("5sec"), "`5sec` is not a duration; did you mean `5s`?");
        assert_eq!(duration("5"), "`5` is not a duration; write a whole number and a unit: `500ms`, `1s`, `2m`");
    }

    #[test]
    fn a_value_prints_as_it_would_be_written() {
        for written in ["0B", "1B", "1000B", "64KiB", "4MiB", "1GiB", "1536MiB"] {
            assert_eq!(written.parse::<ByteSize>().unwrap().to_string(), written);
        }
        for written in ["0ms", "500ms", "1s", "90s", "2m", "1h"] {
            assert_eq!(written.parse::<HumanDuration>().unwrap().to_string(), written);
        }
    }
}
