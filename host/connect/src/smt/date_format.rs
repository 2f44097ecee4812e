//! `SimpleDateFormat` for English names and UTC, as it writes dates and as leniently as it reads them.
//!
//! Its calendar is Java's: Julian up to 4 October 1582, Gregorian from the day after, which is the 15th.

mod calendar;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use calendar::{Calendar, DAY_MS};

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// From Sunday.
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct DateFormat {
    pattern: String,
    pieces: Vec<Piece>,
    /// Years of two digits are those of the hundred years that begin here: 80 years before the pattern was made.
    century_start: i64,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    /// A pattern letter and how often it stands there.
    Field(u8, usize),
}

impl DateFormat {
    /// The error is the text of Java's `IllegalArgumentException`.
    pub(crate) fn new(pattern: &str) -> Result<DateFormat, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let today = Calendar::of(now);
        let century_start = calendar::day_of(today.year - 80, today.month, today.day) * DAY_MS + now.rem_euclid(DAY_MS);
        Ok(DateFormat { pattern: pattern.to_owned(), pieces: compile(pattern)?, century_start })
    }

    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// `ms` since 1970 as text.
    pub(crate) fn format(&self, ms: i64) -> String {
        let calendar = Calendar::of(ms);
        let mut text = String::with_capacity(self.pattern.len() + 8);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Field(letter, count) => write_field(&mut text, *letter, *count, &calendar),
            }
        }
        text
    }

    /// Milliseconds since 1970; `None` where `text` does not begin as the pattern says.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        parse::parse(self, text)
    }
}

fn compile(pattern: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = pattern.chars().peekable();
    let mut quoted = false;
    while let Some(next) = chars.next() {
        if next == '\'' {
            if chars.next_if_eq(&'\'').is_some() {
                literal.push('\'');
            } else {
                quoted = !quoted;
            }
        } else if quoted || !next.is_ascii_alphabetic() {
            literal.push(next);
        } else {
            let mut count = 1;
            while chars.next_if_eq(&next).is_some() {
                count += 1;
            }
            if !"GyMdkHmsSEDFwWahKzZYuXL".contains(next) {
                return Err(format!("Illegal pattern character '{next}'"));
            }
            if next == 'X' && count > 3 {
                return Err(format!("invalid ISO 8601 format: length={count}"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field(next as u8, count));
        }
    }
    if quoted {
        return Err("Unterminated quote".to_owned());
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

fn write_field(text: &mut String, letter: u8, count: usize, at: &Calendar) {
    let hour = at.ms_of_day / 3_600_000;
    let number = match letter {
        b'G' => return text.push_str(if at.year > 0 { "AD" } else { "BC" }),
        b'y' => return write_year(text, count, if at.year > 0 { at.year } else { 1 - at.year }),
        b'Y' => return write_year(text, count, at.week_year()),
        b'M' | b'L' if count >= 4 => return text.push_str(MONTHS[at.month as usize]),
        b'M' | b'L' if count == 3 => return text.push_str(&MONTHS[at.month as usize][..3]),
        b'M' | b'L' => at.month + 1,
        b'd' => at.day,
        b'D' => at.day_of_year(),
        b'F' => (at.day - 1) / 7 + 1,
        b'E' if count >= 4 => return text.push_str(WEEKDAYS[at.weekday() as usize]),
        b'E' => return text.push_str(&WEEKDAYS[at.weekday() as usize][..3]),
        b'u' => (at.weekday() + 6) % 7 + 1,
        b'a' => return text.push_str(if hour < 12 { "AM" } else { "PM" }),
        b'H' => hour,
        b'k' => (hour + 23) % 24 + 1,
        b'K' => hour % 12,
        b'h' => (hour + 11) % 12 + 1,
        b'm' => at.ms_of_day / 60_000 % 60,
        b's' => at.ms_of_day / 1000 % 60,
        b'S' => at.ms_of_day % 1000,
        b'w' => at.week_of_year(),
        b'W' => at.week_of_month(),
        b'z' if count >= 4 => return text.push_str("Coordinated Universal Time"),
        b'z' => return text.push_str("UTC"),
        b'Z' => return text.push_str("+0000"),
        _ => return text.push('Z'),
    };
    write_number(text, count, number);
}

/// With as many digits, and a sign before them where there is one.
fn write_number(text: &mut String, digits: usize, number: i64) {
    let sign = if number < 0 { "-" } else { "" };
    let _ = write!(text, "{sign}{:0digits$}", number.unsigned_abs());
}

/// Two letters are the year's last two digits.
fn write_year(text: &mut String, count: usize, year: i64) {
    let shown = if count == 2 { year % 100 } else { year };
    write_number(text, count, shown);
}
