//! How times are read and written.
//!
//! Unix numbers are shifted by their digits, never through a float. A unit that is too coarse for a time cuts off the rest, towards the
//! past: -0.5 seconds are in second -1.

use std::borrow::Cow;

use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};
use schemars::JsonSchema;
use serde::Deserialize;
use snowgate_plugin::json::{is_number, unquote, write_string};

/// A way to write a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// A whole number of units since 1970: so many digits of a second.
    Unix(u32),
    Iso8601,
    /// As strftime and strptime have it.
    Pattern(String),
}

const UNITS: [(&str, u32); 4] = [("unix_s", 0), ("unix_ms", 3), ("unix_us", 6), ("unix_ns", 9)];

const OUT_OF_RANGE: &str = "is out of range: times lie in the years -9999 to 9999";

impl Format {
    /// Reads a JSON value that is not null. The error goes on after the field's name.
    pub(crate) fn read(&self, written: &[u8], offset: Offset) -> Result<Timestamp, String> {
        if let Format::Unix(digits) = self {
            let text = if is_number(written) { Some(Cow::Borrowed(written)) } else { unquote(written) };
            let number = text.filter(|text| is_number(text)).ok_or("is neither a number nor text that is one")?;
            return unix(&number, *digits).ok_or_else(|| OUT_OF_RANGE.to_owned());
        }
        let text = unquote(written).ok_or("is not text")?;
        self.read_text(&text, offset).ok_or_else(|| match self {
            Format::Pattern(pattern) => format!("is not a time as `{pattern}` has it"),
            _ => "is not a time as ISO 8601 has it, such as `2021-12-05T23:41:00Z`".to_owned(),
        })
    }

    fn read_text(&self, text: &[u8], offset: Offset) -> Option<Timestamp> {
        match self {
            Format::Unix(_) => None,
            Format::Iso8601 => {
                let text = str::from_utf8(text).ok()?;
                if let Ok(time) = text.parse() {
                    return Some(time);
                }
                let local: civil::DateTime = text.parse().ok()?;
                offset.to_timestamp(local).ok()
            }
            Format::Pattern(pattern) => {
                let mut parts = strtime::parse(pattern, text).ok()?;
                if parts.offset().is_none() {
                    parts.set_offset(Some(offset));
                }
                parts.to_timestamp().ok()
            }
        }
    }

    /// As a JSON value.
    pub(crate) fn write(&self, time: Timestamp, offset: Offset) -> Vec<u8> {
        let text = match self {
            Format::Unix(digits) => return units(time, *digits).into_bytes(),
            Format::Iso8601 if offset == Offset::UTC => time.to_string(),
            Format::Iso8601 => time.display_with_offset(offset).to_string(),
            Format::Pattern(pattern) => Format::render(pattern, time, offset).unwrap_or_default(),
        };
        let mut out = Vec::with_capacity(text.len() + 2);
        write_string(&mut out, text.as_bytes());
        out
    }

    fn render(pattern: &str, time: Timestamp, offset: Offset) -> Option<String> {
        strtime::format(pattern, &time.to_zoned_datetime(TimeZone::fixed(offset))).ok()
    }

    /// Whether times can be written so. What a pattern asks for, every time has, so that one stands for all.
    pub(crate) fn check_writes(&self) -> Result<(), String> {
        match self {
            Format::Pattern(pattern) => Format::sample(pattern).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Whether times can be read so: a sample that was written so comes back.
    pub(crate) fn check_reads(&self) -> Result<(), String> {
        let Format::Pattern(pattern) = self else { return Ok(()) };
        let sample = Format::sample(pattern)?;
        match self.read_text(sample.as_bytes(), Offset::UTC) {
            Some(_) => Ok(()),
            None => Err(format!(
                "`{pattern}` does not say a time: it wants at least year, month and day, and nothing that can only be written"
            )),
        }
    }

    fn sample(pattern: &str) -> Result<String, String> {
        if pattern.contains("%Q") || pattern.contains("%:Q") {
            return Err(format!("`{pattern}` names a time zone, and only offsets are known here: write `%z` or `%:z`"));
        }
        Format::render(pattern, Timestamp::UNIX_EPOCH, Offset::UTC)
            .ok_or_else(|| format!("`{pattern}` has a `%` that stands for nothing; `%Y-%m-%d %H:%M:%S%.f` is a pattern"))
    }
}

/// An offset such as `+02:00`.
pub(crate) fn offset(text: &str) -> Option<Offset> {
    strtime::parse("%:z", text).ok()?.offset()
}

/// The time that a number of units since 1970 says, of which a second has so many digits. What is less than a nanosecond is cut off,
/// towards the past. By digits of seconds and of the rest, for 128 bits in one are slow.
fn unix(number: &[u8], digits_of_second: u32) -> Option<Timestamp> {
    /// As many digits as always fit, and many more than there are seconds.
    const MOST: i64 = 18;
    let (sign, number) = number.strip_prefix(b"-").map_or((1, number), |number| (-1, number));
    let mut halves = number.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let mantissa = halves.next()?;
    let exponent: i32 = halves.next().map_or(Some(0), |text| str::from_utf8(text).ok()?.parse().ok())?;
    let whole = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    // How many digits stand before the second's point; below 0, so many zeros stand behind it first.
    let point = whole as i64 + i64::from(exponent) - i64::from(digits_of_second);
    if point > MOST {
        return None;
    }
    let mut digits = mantissa.iter().filter(|byte| **byte != b'.');
    let mut next = || digits.next().map_or(0, |digit| digit - b'0');
    let mut seconds = 0;
    for _ in 0..point {
        seconds = seconds * 10 + i64::from(next());
    }
    let mut nanoseconds = 0;
    for place in 0..9 {
        nanoseconds = nanoseconds * 10 + if place < -point { 0 } else { i32::from(next()) };
    }
    if sign < 0 && digits.any(|digit| *digit != b'0') {
        nanoseconds += 1;
        if nanoseconds == 1_000_000_000 {
            (seconds, nanoseconds) = (seconds + 1, 0);
        }
    }
    Timestamp::new(sign * seconds, sign as i32 * nanoseconds).ok()
}

/// The whole number of units since 1970 at this time, of which a second has so many digits.
fn units(time: Timestamp, digits_of_second: u32) -> String {
    let (mut seconds, mut nanoseconds) = (time.as_second(), i64::from(time.subsec_nanosecond()));
    if nanoseconds < 0 {
        (seconds, nanoseconds) = (seconds - 1, nanoseconds + 1_000_000_000);
    }
    let rest = nanoseconds / 10_i64.pow(9 - digits_of_second);
    let units = 10_i64.pow(digits_of_second);
    match seconds.checked_mul(units).and_then(|whole| whole.checked_add(rest)) {
        Some(number) => number.to_string(),
        None => (i128::from(seconds) * i128::from(units) + i128::from(rest)).to_string(),
    }
}

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(text: String) -> Result<Format, String> {
        if let Some((_, digits)) = UNITS.iter().find(|(name, _)| *name == text) {
            return Ok(Format::Unix(*digits));
        }
        match text.as_str() {
            "iso8601" => Ok(Format::Iso8601),
            _ if text.contains('%') => Ok(Format::Pattern(text)),
            _ => Err(format!(
                "`{text}` is no format: there are `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, `iso8601`, and patterns such as \
                 `%Y-%m-%d %H:%M:%S%.f`"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Format, D::Error> {
        String::deserialize(from)?.try_into().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Format {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Format".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "anyOf": [
                { "enum": ["unix_s", "unix_ms", "unix_us", "unix_ns", "iso8601"] },
                { "pattern": "%" },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> Format {
        text.to_owned().try_into().unwrap()
    }

    fn converted(from: &str, written: &str, to: &str, offset: &str) -> String {
        let offset = super::offset(offset).unwrap();
        let time = format(from).read(written.as_bytes(), offset).unwrap();
        String::from_utf8(format(to).write(time, offset)).unwrap()
    }

    #[test]
    fn a_number_says_a_time_by_its_digits() {
        for (number, digits, expected) in [
            ("1638747660123", 3, Some(1_638_747_660_123_000_000)),
            ("1638747660.123456789", 0, Some(1_638_747_660_123_456_789)),
            ("1638747660.1234567891", 0, Some(1_638_747_660_123_456_789)),
            ("1.63874766E12", 3, Some(1_638_747_660_000_000_000)),
            ("163874766000e-2", 0, Some(1_638_747_660_000_000_000)),
            ("1638747660123456789", 9, Some(1_638_747_660_123_456_789)),
            ("-1", 0, Some(-1_000_000_000)),
            ("-1", 3, Some(-1_000_000)),
            ("-0.0000000001", 0, Some(-1)),
            ("-0.9999999999", 0, Some(-1_000_000_000)),
            ("-1.0000000000", 0, Some(-1_000_000_000)),
            ("7", 9, Some(7)),
            ("0.5", 9, Some(0)),
            ("-0.5", 9, Some(-1)),
            ("-5e-400", 0, Some(-1)),
            ("5e-400", 0, Some(0)),
            ("253402207200", 0, Some(253_402_207_200_000_000_000)),
            ("253402300801", 0, None),
            ("-377705116801", 0, None),
            ("1e400", 0, None),
            ("1e99999999999", 0, None),
            ("123456789012345678901234567890", 0, None),
        ] {
            assert_eq!(unix(number.as_bytes(), digits).map(Timestamp::as_nanosecond), expected, "{number}");
        }
    }

    #[test]
    fn units_are_whole_and_begin_in_the_past() {
        for nanoseconds in
            [0, 1, -1, 999_999_999, -999_999_999, -1_000_000_000, 253_402_207_200_999_999_999, -377_705_023_201_000_000_000]
        {
            let time = Timestamp::from_nanosecond(nanoseconds).unwrap();
            for (digits, size) in [(0, 1_000_000_000), (3, 1_000_000), (6, 1_000), (9, 1)] {
                assert_eq!(units(time, digits), nanoseconds.div_euclid(size).to_string(), "{nanoseconds} {digits}");
            }
        }
    }

    #[test]
    fn a_time_goes_from_each_format_into_each() {
        let same = [
            ("unix_s", "1638747660"),
            ("unix_ms", "1638747660000"),
            ("unix_us", "1638747660000000"),
            ("unix_ns", "1638747660000000000"),
            ("iso8601", r#""2021-12-05T23:41:00Z""#),
            ("%d/%m/%Y %H:%M:%S %z", r#""05/12/2021 23:41:00 +0000""#),
            ("%s", r#""1638747660""#),
        ];
        for (from, written) in same {
            for (to, expected) in same {
                assert_eq!(converted(from, written, to, "+00:00"), expected, "{from} {to}");
            }
        }
    }

    #[test]
    fn no_digit_is_lost_and_a_coarser_unit_ends_in_the_past() {
        assert_eq!(converted("unix_ns", "1638747660000000001", "iso8601", "+00:00"), r#""2021-12-05T23:41:00.000000001Z""#);
        assert_eq!(converted("unix_ns", "\"1638747660000000001\"", "unix_ns", "+00:00"), "1638747660000000001");
        assert_eq!(converted("iso8601", r#""2021-12-05T23:41:00.999999Z""#, "unix_ms", "+00:00"), "1638747660999");
        assert_eq!(converted("iso8601", r#""1969-12-31T23:59:59.5Z""#, "unix_s", "+00:00"), "-1");
        assert_eq!(converted("iso8601", r#""2016-12-31T23:59:60Z""#, "unix_s", "+00:00"), "1483228799");
    }

    #[test]
    fn the_offset_is_where_times_are_written_and_those_without_one_are_read() {
        assert_eq!(converted("unix_s", "1638747660", "iso8601", "+02:00"), r#""2021-12-06T01:41:00+02:00""#);
        assert_eq!(converted("iso8601", r#""2021-12-06 01:41:00""#, "unix_s", "+02:00"), "1638747660");
        assert_eq!(converted("iso8601", r#""2021-12-05T18:41:00-05:00""#, "unix_s", "+02:00"), "1638747660");
        assert_eq!(converted("iso8601", r#""2021-12-05T23:41:00Z""#, "unix_s", "+02:00"), "1638747660");
        assert_eq!(converted("%Y-%m-%d %H:%M", r#""2021-12-06 01:41""#, "unix_s", "+02:00"), "1638747660");
        assert_eq!(converted("%Y-%m-%d %H:%M %:z", r#""2021-12-05 18:41 -05:00""#, "unix_s", "+02:00"), "1638747660");
        assert_eq!(converted("%Y%m%d", r#""20211206""#, "iso8601", "+02:00"), r#""2021-12-06T00:00:00+02:00""#);
    }

    #[test]
    fn what_is_no_time_says_why() {
        let why = |from: &str, written: &str| format(from).read(written.as_bytes(), Offset::UTC).unwrap_err();
        assert_eq!(why("unix_ms", "\"x\""), "is neither a number nor text that is one");
        assert_eq!(why("unix_ms", "true"), "is neither a number nor text that is one");
        assert_eq!(why("unix_s", "1638747660000"), OUT_OF_RANGE);
        assert_eq!(why("iso8601", "7"), "is not text");
        assert_eq!(why("iso8601", r#""yesterday""#), "is not a time as ISO 8601 has it, such as `2021-12-05T23:41:00Z`");
        assert_eq!(why("iso8601", r#""2021-02-30T00:00:00Z""#), "is not a time as ISO 8601 has it, such as `2021-12-05T23:41:00Z`");
        assert_eq!(why("%d/%m/%Y", r#""2021-12-05""#), "is not a time as `%d/%m/%Y` has it");
    }

    #[test]
    fn a_pattern_that_says_no_time_is_refused() {
        for good in ["%F %T%.f", "%s", "%A, %d %B %Y %I:%M %p", "%Y-%j"] {
            assert_eq!(format(good).check_reads(), Ok(()), "{good}");
        }
        for bad in ["%H:%M", "%Y", "%q %F", "%c"] {
            assert!(format(bad).check_reads().unwrap_err().contains("does not say a time"), "{bad}");
        }
        assert_eq!(format("%H:%M").check_writes(), Ok(()));
        assert!(format("%J").check_writes().unwrap_err().contains("stands for nothing"));
        assert!(format("%F %Q").check_reads().unwrap_err().contains("only offsets are known here"));
        assert!(Format::try_from("unix".to_owned()).unwrap_err().starts_with("`unix` is no format: there are `unix_s`"));
    }
}
