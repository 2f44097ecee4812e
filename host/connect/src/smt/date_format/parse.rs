//! Reading dates as leniently as Java does: fields may lie outside their range and then carry over, and what follows the last
//! field does not matter. An era together with the year of a week, and a second zone after a first, are not read as Java does.

use std::cmp::Ordering;

use super::calendar::{CUTOVER, CUTOVER_YEAR, DAY_MS, day_of, days_before, weekday_on_or_before};
use super::{DateFormat, MONTHS, Piece, WEEKDAYS};

/// The fields of Java's calendar that a pattern can set.
#[derive(Debug, Clone, Copy)]
enum Field {
    Era,
    Year,
    Month,
    WeekOfYear,
    WeekOfMonth,
    Day,
    DayOfYear,
    /// From Sunday, which is zero.
    Weekday,
    WeekdayInMonth,
    AmPm,
    Hour,
    HourOfDay,
    Minute,
    Second,
    Millisecond,
    Zone,
    WeekYear,
}

const FIELDS: usize = 17;

/// What was read: each field's value, and when it was set, for later ones win.
#[derive(Default)]
struct Fields {
    values: [i64; FIELDS],
    stamps: [u32; FIELDS],
    next: u32,
}

impl Fields {
    fn set(&mut self, field: Field, value: i64) {
        self.next += 1;
        self.values[field as usize] = value;
        self.stamps[field as usize] = self.next;
    }

    fn stamp(&self, field: Field) -> u32 {
        self.stamps[field as usize]
    }

    fn is_set(&self, field: Field) -> bool {
        self.stamp(field) > 0
    }

    fn get(&self, field: Field) -> i64 {
        self.values[field as usize]
    }

    fn get_or(&self, field: Field, default: i64) -> i64 {
        if self.is_set(field) { self.get(field) } else { default }
    }

    /// When the later of two was set, provided both were.
    fn both(&self, one: Field, other: Field) -> u32 {
        if self.is_set(one) && self.is_set(other) { self.stamp(one).max(self.stamp(other)) } else { 0 }
    }
}

pub(super) fn parse(format: &DateFormat, text: &str) -> Option<i64> {
    let mut fields = Fields::default();
    let mut at = 0;
    let mut ambiguous = false;
    for (index, piece) in format.pieces.iter().enumerate() {
        match piece {
            Piece::Literal(literal) => at += text[at..].starts_with(literal.as_str()).then_some(literal.len())?,
            Piece::Field(letter, count) => {
                // A number directly before another number has as many characters as the pattern has letters.
                let limited = format.pieces.get(index + 1).is_some_and(is_number);
                let mut reader =
                    Reader { text, start: at, fields: &mut fields, limit: limited.then_some(*count), ambiguous: false };
                at = reader.read(*letter, *count, format)?;
                ambiguous |= reader.ambiguous;
            }
        }
    }
    let ms = instant(&fields);
    if ambiguous && ms < format.century_start {
        fields.values[Field::Year as usize] += 100;
        return Some(instant(&fields));
    }
    Some(ms)
}

fn is_number(piece: &Piece) -> bool {
    match piece {
        Piece::Literal(_) => false,
        Piece::Field(b'M' | b'L', count) => *count <= 2,
        Piece::Field(letter, _) => !b"GEazZX".contains(letter),
    }
}

struct Reader<'a> {
    text: &'a str,
    start: usize,
    fields: &'a mut Fields,
    limit: Option<usize>,
    /// A year of two digits lies at either end of the hundred years.
    ambiguous: bool,
}

impl Reader<'_> {
    /// Where the field ends.
    fn read(&mut self, letter: u8, count: usize, format: &DateFormat) -> Option<usize> {
        let skipped = self.start + self.text[self.start..].len() - self.text[self.start..].trim_start_matches([' ', '\t']).len();
        if skipped >= self.text.len() {
            return None;
        }
        let field = match letter {
            b'G' => return self.name(Field::Era, &["BC", "AD"], false),
            b'M' | b'L' if count >= 3 => return self.name(Field::Month, &MONTHS, true),
            b'E' => return self.name(Field::Weekday, &WEEKDAYS, true),
            b'a' => return self.name(Field::AmPm, &["AM", "PM"], false),
            b'z' | b'Z' => return self.zone(skipped),
            b'X' => return self.iso_zone(skipped, count),
            b'y' => Field::Year,
            b'Y' => Field::WeekYear,
            b'M' | b'L' => Field::Month,
            b'd' => Field::Day,
            b'D' => Field::DayOfYear,
            b'F' => Field::WeekdayInMonth,
            b'w' => Field::WeekOfYear,
            b'W' => Field::WeekOfMonth,
            b'u' => Field::Weekday,
            b'H' | b'k' => Field::HourOfDay,
            b'K' | b'h' => Field::Hour,
            b'm' => Field::Minute,
            b's' => Field::Second,
            _ => Field::Millisecond,
        };
        let (value, end) = self.number(skipped)?;
        let value = match letter {
            b'y' | b'Y' if count <= 2 && end - skipped == 2 && value >= 0 => self.year_of_two_digits(value, format),
            b'M' | b'L' => value - 1,
            // Monday is 1 and Sunday is 7; what lies outside counts from Sunday.
            b'u' if (1..=7).contains(&value) => value % 7,
            b'u' => value - 1,
            b'k' if value == 24 => 0,
            b'h' if value == 12 => 0,
            _ => value,
        };
        self.fields.set(field, value);
        Some(end)
    }

    fn year_of_two_digits(&mut self, value: i64, format: &DateFormat) -> i64 {
        let first = super::Calendar::of(format.century_start).year;
        self.ambiguous = value == first % 100;
        value + first / 100 * 100 + if value < first % 100 { 100 } else { 0 }
    }

    /// A whole number as 32 bits keep it, and where it ends.
    fn number(&self, from: usize) -> Option<(i64, usize)> {
        let text = match self.limit {
            Some(count) => self.text.get(..self.start + count)?,
            None => self.text,
        };
        let negative = text.get(from..)?.starts_with('-');
        let digits = &text[from + usize::from(negative)..];
        let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
        if digits.is_empty() {
            return None;
        }
        let value = match digits.parse::<i64>() {
            Ok(value) => i64::from((if negative { -value } else { value }) as i32),
            Err(_) => i64::from(if negative { i32::MIN } else { i32::MAX }),
        };
        Some((value, from + usize::from(negative) + digits.len()))
    }

    /// One of the names in full, or its first three letters; the longest that fits, in any case.
    fn name(&mut self, field: Field, names: &[&str], shortened: bool) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.start..];
        let fits = |name: &str| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
        let found = |length: Option<usize>| {
            names.iter().enumerate().find_map(|(index, name)| {
                let name = &name[..length.unwrap_or(name.len())];
                fits(name).then_some((index, name.len()))
            })
        };
        let (index, length) = found(None).or_else(|| if shortened { found(Some(3)) } else { None })?;
        self.fields.set(field, index as i64);
        Some(self.start + length)
    }

    /// `+0100`, `GMT+01:00` or a zone's short name.
    fn zone(&mut self, from: usize) -> Option<usize> {
        let rest = &self.text.as_bytes()[from..];
        if let Some(end) = self.offset(from, 0, false) {
            return Some(end);
        }
        if self.start == from && rest.len() >= 3 && rest[..3].eq_ignore_ascii_case(b"GMT") {
            return match rest.get(3) {
                Some(b'+' | b'-') => self.offset(from + 3, 0, true),
                _ => self.set_zone(0, from + 3),
            };
        }
        let (name, hours) = ZONES
            .iter()
            .find(|(name, _)| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes())))?;
        self.set_zone(hours * 60, from + name.len())
    }

    /// `Z`, or hours and, from two letters on, minutes; from three on with a colon between.
    fn iso_zone(&mut self, from: usize, count: usize) -> Option<usize> {
        if self.text.as_bytes()[from] == b'Z' {
            return self.set_zone(0, from + 1);
        }
        self.offset(from, count, count == 3)
    }

    fn offset(&mut self, from: usize, count: usize, colon: bool) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let sign = match bytes.get(from)? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let digit = |at: usize| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
        let mut at = from + 1;
        let mut hours = digit(at)?;
        at += 1;
        match digit(at) {
            Some(second) => {
                hours = hours * 10 + second;
                at += 1;
            }
            None if count > 0 || !colon => return None,
            None => {}
        }
        let mut minutes = 0;
        if count != 1 {
            if colon {
                if bytes.get(at) != Some(&b':') {
                    return None;
                }
                at += 1;
            }
            minutes = digit(at)? * 10 + digit(at + 1)?;
            at += 2;
        }
        if hours > 23 || minutes > 59 {
            return None;
        }
        self.set_zone(sign * (hours * 60 + minutes), at)
    }

    fn set_zone(&mut self, minutes: i64, end: usize) -> Option<usize> {
        self.fields.set(Field::Zone, minutes * 60_000);
        Some(end)
    }
}

/// Short names with one meaning only, and their hours ahead of UTC. `IST` and `BST` have several and are not read.
const ZONES: [(&str, i64); 19] = [
    ("UTC", 0),
    ("WET", 0),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("JST", 9),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("AKST", -9),
    ("AKDT", -8),
    ("HST", -10),
];

/// Milliseconds since 1970, wrapping where Java's do.
fn instant(fields: &Fields) -> i64 {
    let hour_stamp = fields.both(Field::Hour, Field::AmPm);
    let day_stamp = fields.stamp(Field::HourOfDay);
    let alone = hour_stamp.max(day_stamp) == 0;
    let hours = if hour_stamp > day_stamp || alone {
        fields.get(Field::Hour) + 12 * fields.get(Field::AmPm)
    } else {
        fields.get(Field::HourOfDay)
    };
    let of_day =
        ((hours * 60 + fields.get(Field::Minute)) * 60 + fields.get(Field::Second)) * 1000 + fields.get(Field::Millisecond);
    let ms = days(fields).wrapping_mul(DAY_MS).wrapping_add(of_day);
    ms.wrapping_sub(fields.get(Field::Zone))
}

/// The day that the fields name.
fn days(fields: &Fields) -> i64 {
    if fields.is_set(Field::WeekYear) && fields.stamp(Field::WeekYear) > fields.stamp(Field::Year) {
        return day_of_week_year(fields);
    }
    let year = fields.get_or(Field::Year, 1970);
    let year = if fields.is_set(Field::Era) && fields.get(Field::Era) == 0 { 1 - year } else { year };
    let shape = Shape::of(fields);
    let julian = || shape.day(fields, year, false);
    match year.cmp(&CUTOVER_YEAR) {
        Ordering::Less => julian(),
        Ordering::Equal if matches!(shape, Shape::DayOfYear | Shape::WeekOfYear) => julian(),
        _ => Some(shape.day(fields, year, true)).filter(|day| *day >= CUTOVER).unwrap_or_else(julian),
    }
}

fn day_of_week_year(fields: &Fields) -> i64 {
    let (mut week, mut weekday) = (fields.get_or(Field::WeekOfYear, 1), fields.get_or(Field::Weekday, 0));
    if !(0..7).contains(&weekday) {
        // Carried over as if Monday were the first, and then taken for such a day.
        week += weekday.div_euclid(7);
        weekday = (weekday.rem_euclid(7) + 1) % 7;
    }
    first_sunday(day_of(fields.get(Field::WeekYear), 0, 1)) + 7 * (week - 1) + weekday
}

/// Which fields name the day: of Java's combinations the one that was completed last.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Day,
    WeekOfMonth,
    WeekdayInMonth,
    DayOfYear,
    WeekOfYear,
}

impl Shape {
    fn of(fields: &Fields) -> Shape {
        let stamp = |field| fields.stamp(field);
        let day = stamp(Field::Day);
        let mut week_of_month = fields.both(Field::WeekOfMonth, Field::Weekday);
        let mut in_month = fields.both(Field::WeekdayInMonth, Field::Weekday);
        let week_of_year = fields.both(Field::WeekOfYear, Field::Weekday);
        let mut best = day.max(week_of_month).max(in_month).max(stamp(Field::DayOfYear)).max(week_of_year);
        if best == 0 {
            week_of_month = stamp(Field::WeekOfMonth);
            in_month = stamp(Field::WeekdayInMonth).max(stamp(Field::Weekday));
            best = week_of_month.max(in_month).max(stamp(Field::WeekOfYear));
        }
        if best == day {
            return Shape::Day;
        }
        let year_week = stamp(Field::WeekOfYear);
        let by_week = best == week_of_month && stamp(Field::WeekOfMonth) >= year_week;
        let by_count = best == in_month && stamp(Field::WeekdayInMonth) >= year_week;
        match best == stamp(Field::DayOfYear) {
            _ if (by_week || by_count) && week_of_month == in_month => {
                match stamp(Field::WeekOfMonth) >= stamp(Field::WeekdayInMonth) {
                    true => Shape::WeekOfMonth,
                    false => Shape::WeekdayInMonth,
                }
            }
            _ if (by_week || by_count) && best == week_of_month => Shape::WeekOfMonth,
            _ if by_week || by_count => Shape::WeekdayInMonth,
            true => Shape::DayOfYear,
            false => Shape::WeekOfYear,
        }
    }

    fn day(self, fields: &Fields, year: i64, gregorian: bool) -> i64 {
        let month = fields.get(Field::Month);
        let first = |month| days_before(year, month, gregorian);
        match self {
            Shape::Day => first(month) + fields.get_or(Field::Day, 1) - 1,
            Shape::WeekOfMonth => on_weekday(first_sunday(first(month)), fields) + 7 * (fields.get(Field::WeekOfMonth) - 1),
            Shape::WeekdayInMonth => {
                let count = fields.get_or(Field::WeekdayInMonth, 1);
                let before = if count >= 0 { first(month) + 7 * count - 1 } else { first(month + 1) + 7 * (count + 1) - 1 };
                weekday_on_or_before(before, fields.get_or(Field::Weekday, 0))
            }
            Shape::DayOfYear => first(0) + fields.get(Field::DayOfYear) - 1,
            Shape::WeekOfYear => on_weekday(first_sunday(first(0)), fields) + 7 * (fields.get(Field::WeekOfYear) - 1),
        }
    }
}

/// The Sunday with which the week of `day` begins.
fn first_sunday(day: i64) -> i64 {
    weekday_on_or_before(day, 0)
}

fn on_weekday(sunday: i64, fields: &Fields) -> i64 {
    sunday + fields.get_or(Field::Weekday, 0).rem_euclid(7)
}
