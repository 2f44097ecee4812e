//! Points in time without a time zone, as far as SELECTs over loaded rows need them. Shown as `2021-12-05 23:20:00.000`.

const NANOS: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Seconds and nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) seconds: i64,
    pub(crate) nanos: i64,
}

impl Moment {
    pub(crate) fn from_nanos(nanos: i128) -> Self {
        let unit = i128::from(NANOS);
        Self { seconds: nanos.div_euclid(unit) as i64, nanos: nanos.rem_euclid(unit) as i64 }
    }

    /// From a count of `10^-scale` seconds.
    pub(crate) fn from_scaled(count: i64, scale: u32) -> Option<Self> {
        Some(Self::from_nanos(i128::from(count) * 10i128.pow(9u32.checked_sub(scale)?)))
    }

    fn civil(self) -> (i64, i64, i64) {
        civil_from_days(self.seconds.div_euclid(DAY_SECONDS))
    }

    pub(crate) fn date(self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}-{month:02}-{day:02}")
    }

    fn time(self) -> String {
        let second = self.seconds.rem_euclid(DAY_SECONDS);
        let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        if self.nanos % 1_000_000 == 0 {
            format!("{clock}.{:03}", self.nanos / 1_000_000)
        } else if self.nanos % 1000 == 0 {
            format!("{clock}.{:06}", self.nanos / 1000)
        } else {
            format!("{clock}.{:09}", self.nanos)
        }
    }

    /// The start of the unit the moment falls into.
    pub(crate) fn truncate(self, unit: &str) -> Option<Self> {
        let (year, month, _) = self.civil();
        let whole = |step: i64| self.seconds - self.seconds.rem_euclid(step);
        let seconds = match unit {
            "SECOND" => self.seconds,
            "MINUTE" => whole(60),
            "HOUR" => whole(3600),
            "DAY" => whole(DAY_SECONDS),
            // 1970-01-01 was a Thursday.
            "WEEK" => (whole(DAY_SECONDS) / DAY_SECONDS - (self.seconds.div_euclid(DAY_SECONDS) + 3).rem_euclid(7)) * DAY_SECONDS,
            "MONTH" => days_from_civil(year, month, 1) * DAY_SECONDS,
            "YEAR" => days_from_civil(year, 1, 1) * DAY_SECONDS,
            _ => return None,
        };
        Some(Self { seconds, nanos: 0 })
    }

    pub(crate) fn part(self, unit: &str) -> Option<i64> {
        let (year, month, day) = self.civil();
        let second = self.seconds.rem_euclid(DAY_SECONDS);
        Some(match unit {
            "YEAR" => year,
            "MONTH" => month,
            "DAY" => day,
            "HOUR" => second / 3600,
            "MINUTE" => second / 60 % 60,
            "SECOND" => second % 60,
            "EPOCH_SECOND" | "EPOCH" => self.seconds,
            "EPOCH_MILLISECOND" => self.seconds * 1000 + self.nanos / 1_000_000,
            _ => return None,
        })
    }

    /// `count` units later.
    pub(crate) fn add(self, unit: &str, count: i64) -> Option<Self> {
        let step: i128 = match unit {
            "MILLISECOND" => 1_000_000,
            "SECOND" => i128::from(NANOS),
            "MINUTE" => i128::from(NANOS) * 60,
            "HOUR" => i128::from(NANOS) * 3600,
            "DAY" => i128::from(NANOS) * i128::from(DAY_SECONDS),
            _ => return None,
        };
        Some(Self::from_nanos(i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanos) + i128::from(count) * step))
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.date(), self.time())
    }
}

/// The unit's name as the other functions take it.
pub(crate) fn unit(name: &str) -> String {
    let upper = name.trim_matches('\'').to_uppercase();
    let short = match upper.as_str() {
        "S" | "SEC" => "SECOND",
        "MI" | "MIN" => "MINUTE",
        "H" | "HH" => "HOUR",
        "D" | "DD" => "DAY",
        "MS" => "MILLISECOND",
        "MM" | "MON" => "MONTH",
        "Y" | "YY" | "YYYY" => "YEAR",
        "W" => "WEEK",
        _ => return upper.strip_suffix('S').filter(|unit| unit.len() > 2).unwrap_or(&upper).to_owned(),
    };
    short.to_owned()
}

/// Reads a date, a date and time with or without a zone, or a count of seconds, milliseconds, microseconds or nanoseconds, told
/// apart by their size as Snowflake does.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Ok(count) = text.parse::<i64>() {
        let scale = match count.unsigned_abs() {
            0..31_536_000_000 => 0,
            31_536_000_000..31_536_000_000_000 => 3,
            31_536_000_000_000..31_536_000_000_000_000 => 6,
            _ => 9,
        };
        return Moment::from_scaled(count, scale);
    }
    if let Some((seconds, fraction)) = text.split_once('.')
        && let (Ok(seconds), true) = (seconds.parse::<i64>(), fraction.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Some(Moment { seconds, nanos: fraction_nanos(fraction)? });
    }
    let date = text.get(..10)?;
    let mut numbers = date.split('-').map(|part| part.parse::<i64>().ok());
    let (Some(Some(year)), Some(Some(month)), Some(Some(day)), None) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next())
    else {
        return None;
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * DAY_SECONDS;
    let rest = text[10..].trim_start_matches(['T', ' ']);
    if rest.is_empty() {
        return Some(Moment { seconds: midnight, nanos: 0 });
    }
    let (clock, offset) = split_zone(rest)?;
    let (second, nanos) = clock_seconds(clock)?;
    Some(Moment { seconds: midnight + second - offset, nanos })
}

/// Reads a time of day and shows it.
pub(crate) fn parse_time(text: &str) -> Option<String> {
    let (seconds, nanos) = clock_seconds(text.trim())?;
    Some(Moment { seconds, nanos }.time())
}

fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let digits: String = text[at + 1..].chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let offset = hours.parse::<i64>().ok()? * 3600 + if minutes.is_empty() { 0 } else { minutes.parse::<i64>().ok()? * 60 };
    Some((text[..at].trim_end(), if text.as_bytes()[at] == b'-' { -offset } else { offset }))
}

fn clock_seconds(text: &str) -> Option<(i64, i64)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
        return None;
    }
    Some((hour * 3600 + minute * 60 + second, fraction_nanos(fraction)?))
}

fn fraction_nanos(digits: &str) -> Option<i64> {
    if digits.is_empty() {
        return Some(0);
    }
    format!("{digits:0<9}").get(..9)?.parse().ok()
}

fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_and_shown_in_one() {
        for (text, shown) in [
            ("2021-12-05", "2021-12-05 00:00:00.000"),
            ("2021-12-05T23:20:00Z", "2021-12-05 23:20:00.000"),
            ("2021-12-05 23:20:00.5 +02:00", "2021-12-05 21:20:00.500"),
            ("1638747600", "2021-12-05 23:40:00.000"),
            ("1638747600123", "2021-12-05 23:40:00.123"),
            ("1638747600123456", "2021-12-05 23:40:00.123456"),
            ("2026-01-02T03:04:05.678901", "2026-01-02 03:04:05.678901"),
            ("1969-12-31", "1969-12-31 00:00:00.000"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse("2021-13-05"), None);
    }

    #[test]
    fn a_moment_is_truncated_to_its_unit() {
        let moment = parse("2021-12-05 23:45:12.5").unwrap();
        for (name, shown) in [("minute", "23:45:00.000"), ("hours", "23:00:00.000"), ("day", "00:00:00.000")] {
            assert_eq!(moment.truncate(&unit(name)).unwrap().to_string(), format!("2021-12-05 {shown}"));
        }
        assert_eq!(moment.truncate("MONTH").unwrap().date(), "2021-12-01");
        assert_eq!(moment.truncate("WEEK").unwrap().date(), "2021-11-29");
    }
}
