//! How times are read and written: Unix numbers by the SDK's [`unix`](snowgate_plugin::unix), all others by jiff.

use std::borrow::Cow;

use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};
use schemars::JsonSchema;
use serde::Deserialize;
use snowgate_plugin::json::{is_number, unquote};
use snowgate_plugin::scalar;
use snowgate_plugin::unix::{Unit, UnixTime};

/// A way to write a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, extend("anyOf" = [{ "enum": ["unix_s", "unix_ms", "unix_us", "unix_ns", "iso8601"] }, { "pattern": "%" }]))]
pub(crate) enum Format {
    /// A whole number of units since 1970.
    Unix(Unit),
    Iso8601,
    /// As strftime and strptime have it.
    Pattern(String),
}

impl Format {
    /// Reads a JSON value that is not null. The error goes on after the field's name.
    pub(crate) fn read(&self, written: &[u8], offset: Offset) -> Result<Timestamp, String> {
        if let Format::Unix(unit) = self {
            let text = if is_number(written) { Some(Cow::Borrowed(written)) } else { unquote(written) };
            let number = text.filter(|text| is_number(text)).ok_or("is neither a number nor text that is one")?;
            let time = UnixTime::parse(&number, *unit);
            let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanoseconds as i32).ok());
            return time.ok_or_else(|| "is out of range: times lie in the years -9999 to 9999".to_owned());
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
            Format::Unix(unit) => return UnixTime::new(time.as_second(), time.subsec_nanosecond()).in_units(*unit).into_bytes(),
            Format::Iso8601 if offset == Offset::UTC => time.to_string(),
            Format::Iso8601 => time.display_with_offset(offset).to_string(),
            Format::Pattern(pattern) => Format::render(pattern, time, offset).unwrap_or_default(),
        };
        scalar::quoted(text.as_bytes())
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

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(text: String) -> Result<Format, String> {
        match text.as_str() {
            name if let Some(unit) = Unit::named(name) => Ok(Format::Unix(unit)),
            "iso8601" => Ok(Format::Iso8601),
            _ if text.contains('%') => Ok(Format::Pattern(text)),
            _ => Err(format!(
                "`{text}` is no format: there are `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, `iso8601`, and patterns such as \
                 `%Y-%m-%d %H:%M:%S%.f`"
            )),
        }
    }
}

#[cfg(test)]
mod tests;
