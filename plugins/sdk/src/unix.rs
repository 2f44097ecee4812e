//! Unix times by their digits: seconds since 1970, or thousandths, millionths or billionths of them, with as many digits as a record has.
//!
//! Nothing goes through a float. Where a unit is too coarse for a time, the rest is cut off towards the past: half a second before 1970 is
//! in second -1.
//!
//! ```
//! use snowgate_plugin::unix::{Unit, UnixTime};
//!
//! let time = UnixTime::parse(b"1638747660.123456789", Unit::Seconds).unwrap();
//! assert_eq!(time, UnixTime { seconds: 1_638_747_660, nanoseconds: 123_456_789 });
//! assert_eq!(time.in_units(Unit::Milliseconds), "1638747660123");
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time: so many nanoseconds, less than a billion, behind a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime {
    /// Since 1970, or negative before.
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Unit {
    #[serde(rename = "unix_s")]
    Seconds,
    #[serde(rename = "unix_ms")]
    Milliseconds,
    #[serde(rename = "unix_us")]
    Microseconds,
    #[serde(rename = "unix_ns")]
    Nanoseconds,
}

const BILLION: u32 = 1_000_000_000;

impl Unit {
    /// The one that options call so: `unix_s`, `unix_ms`, `unix_us` or `unix_ns`.
    pub fn named(name: &str) -> Option<Unit> {
        match name {
            "unix_s" => Some(Unit::Seconds),
            "unix_ms" => Some(Unit::Milliseconds),
            "unix_us" => Some(Unit::Microseconds),
            "unix_ns" => Some(Unit::Nanoseconds),
            _ => None,
        }
    }

    /// How many digits of a second it has.
    fn digits(self) -> u32 {
        match self {
            Unit::Seconds => 0,
            Unit::Milliseconds => 3,
            Unit::Microseconds => 6,
            Unit::Nanoseconds => 9,
        }
    }
}

impl UnixTime {
    /// So many nanoseconds, less than a billion, behind a second or before it.
    pub fn new(seconds: i64, nanoseconds: i32) -> UnixTime {
        match u32::try_from(nanoseconds) {
            Ok(nanoseconds) => UnixTime { seconds, nanoseconds },
            Err(_) => UnixTime { seconds: seconds - 1, nanoseconds: BILLION - nanoseconds.unsigned_abs() },
        }
    }

    /// The time that a number says, which is to be one as [`is_number`](crate::json::is_number) has it. What is less than a nanosecond is
    /// cut off. `None` for more seconds than fit.
    pub fn parse(number: &[u8], unit: Unit) -> Option<UnixTime> {
        /// As many digits as always fit, and many more than any calendar has seconds.
        const MOST: i64 = 18;
        // By digits of seconds and of the rest, for 128 bits in one are slow.
        let (negative, number) = number.strip_prefix(b"-").map_or((false, number), |number| (true, number));
        let mut halves = number.splitn(2, |byte| matches!(byte, b'e' | b'E'));
        let mantissa = halves.next()?;
        let exponent: i32 = halves.next().map_or(Some(0), |text| str::from_utf8(text).ok()?.parse().ok())?;
        let whole = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        // How many digits stand before the second's point; below 0, so many zeros stand behind it first.
        let point = whole as i64 + i64::from(exponent) - i64::from(unit.digits());
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
        if !negative {
            return Some(UnixTime::new(seconds, nanoseconds));
        }
        // Before 1970 what is cut off takes a nanosecond with it.
        nanoseconds += i32::from(digits.any(|digit| *digit != b'0'));
        Some(UnixTime::new(-seconds, -nanoseconds))
    }

    /// The whole number of units since 1970 at this time.
    pub fn in_units(self, unit: Unit) -> String {
        let rest = i64::from(self.nanoseconds / 10_u32.pow(9 - unit.digits()));
        let units = 10_i64.pow(unit.digits());
        match self.seconds.checked_mul(units).and_then(|whole| whole.checked_add(rest)) {
            Some(number) => number.to_string(),
            None => (i128::from(self.seconds) * i128::from(units) + i128::from(rest)).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_nanoseconds(nanoseconds: i128) -> UnixTime {
        let billion = i128::from(BILLION);
        UnixTime { seconds: nanoseconds.div_euclid(billion) as i64, nanoseconds: nanoseconds.rem_euclid(billion) as u32 }
    }

    #[test]
    fn a_number_says_a_time_by_its_digits() {
        use Unit::{Milliseconds, Nanoseconds, Seconds};
        for (number, unit, expected) in [
            ("1638747660123", Milliseconds, Some(1_638_747_660_123_000_000)),
            ("1638747660.123456789", Seconds, Some(1_638_747_660_123_456_789)),
            ("1638747660.1234567891", Seconds, Some(1_638_747_660_123_456_789)),
            ("1.63874766E12", Milliseconds, Some(1_638_747_660_000_000_000)),
            ("163874766000e-2", Seconds, Some(1_638_747_660_000_000_000)),
            ("1638747660123456789", Nanoseconds, Some(1_638_747_660_123_456_789)),
            ("-1", Seconds, Some(-1_000_000_000)),
            ("-1", Milliseconds, Some(-1_000_000)),
            ("-0.0000000001", Seconds, Some(-1)),
            ("-0.9999999999", Seconds, Some(-1_000_000_000)),
            ("-1.0000000000", Seconds, Some(-1_000_000_000)),
            ("-0", Seconds, Some(0)),
            ("7", Nanoseconds, Some(7)),
            ("0.5", Nanoseconds, Some(0)),
            ("-0.5", Nanoseconds, Some(-1)),
            ("-5e-400", Seconds, Some(-1)),
            ("5e-400", Seconds, Some(0)),
            ("253402207200", Seconds, Some(253_402_207_200_000_000_000)),
            ("999999999999999999", Seconds, Some(999_999_999_999_999_999_000_000_000)),
            ("1e400", Seconds, None),
            ("1e99999999999", Seconds, None),
            ("123456789012345678901234567890", Seconds, None),
        ] {
            assert_eq!(UnixTime::parse(number.as_bytes(), unit), expected.map(of_nanoseconds), "{number}");
        }
    }

    #[test]
    fn units_are_whole_and_begin_in_the_past() {
        let sizes =
            [(Unit::Seconds, 1_000_000_000), (Unit::Milliseconds, 1_000_000), (Unit::Microseconds, 1_000), (Unit::Nanoseconds, 1)];
        for nanoseconds in
            [0, 1, -1, 999_999_999, -999_999_999, -1_000_000_000, 253_402_207_200_999_999_999, -377_705_023_201_000_000_000]
        {
            for (unit, size) in sizes {
                let units = of_nanoseconds(nanoseconds).in_units(unit);
                assert_eq!(units, nanoseconds.div_euclid(size).to_string(), "{nanoseconds} {unit:?}");
            }
        }
    }
}
