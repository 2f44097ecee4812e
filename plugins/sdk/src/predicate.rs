//! Conditions on records, as operators write them in an option: `data.k.x == true && symbol in ["BTCUSDT", "ETHUSDT"]`.
//!
//! [`parse`](Predicate::parse) settles every type, so that what can be wrong with a predicate is told before the first record. A record is then
//! walked once, as far as its last field that is asked for. The language is in the README of `plugins/filter`.
//!
//! The answer is yes, no, or open: a field is missing, null or of another type. What is open matters only where it decides: `false && x`
//! is false and `true || x` is true whatever `x` is, in either order.
//!
//! ```
//! use snowgate_plugin::predicate::Predicate;
//!
//! assert!(Predicate::parse("keep", "price > 0.5 && exists(symbol)").is_ok());
//! let why = Predicate::parse("keep", "price = 5").err().unwrap();
//! assert_eq!(why, "`keep` is wrong at character 7, `= 5`: write `==`");
//! ```

mod parse;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::json::{Fields, Found, Malformed, compare_numbers, is_number, unquote};
use crate::{Record, pattern};

/// A condition that every record meets, does not meet, or leaves open.
pub struct Predicate {
    test: Test,
    fields: Fields,
    /// Where the fields of the record at hand are.
    found: Found,
}

/// What is true, false or open.
enum Test {
    Is(bool),
    Tombstone,
    Exists(Operand),
    /// A field that is true or false itself.
    Flag(Operand),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
    Same(Box<Test>, Box<Test>),
    Numbers(Comparison, Operand, Operand),
    Texts(Comparison, Operand, Operand),
    AmongNumbers(Operand, Vec<String>),
    /// In order.
    AmongTexts(Operand, Vec<Vec<u8>>),
    Text(TextTest, Operand, Vec<u8>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Copy)]
enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
    Matches,
}

/// A value, of the record or the predicate's own.
struct Operand {
    source: Source,
    /// As the predicate names it.
    name: String,
}

#[derive(Clone)]
enum Source {
    /// By its number.
    Field(usize),
    Header(String),
    Key,
    Topic,
    Partition,
    Offset,
    Timestamp,
    Text(String),
    Number(String),
}

/// Why there is no answer, in words for the dead letter.
pub struct Open<'a> {
    operand: &'a Operand,
    why: Why,
}

enum Why {
    Missing,
    Tombstone,
    Malformed(Malformed),
    NotText,
    NotNumber,
    NotBoolean,
}

/// A record and what was found in it.
struct Shown<'r> {
    record: &'r Record<'r>,
    value: &'r [u8],
    found: &'r Found,
    malformed: Option<Malformed>,
}

impl Predicate {
    /// Makes sense of what the operator wrote in `option`. The error is for the operator: it says where, and what would be right.
    pub fn parse(option: &str, text: &str) -> Result<Predicate, String> {
        parse::parse(text).map_err(|mistake| mistake.describe(option, text))
    }

    pub fn is_met_by(&mut self, record: &Record<'_>) -> Result<bool, Open<'_>> {
        let Predicate { test, fields, found } = self;
        let value = record.value().unwrap_or_default();
        // Of a tombstone nothing is found, and the reason is another.
        let malformed = fields.find(value, found).err();
        test.answer(&Shown { record, value, found, malformed })
    }
}

impl Test {
    fn answer<'t>(&'t self, shown: &Shown<'_>) -> Result<bool, Open<'t>> {
        match self {
            Test::Is(answer) => Ok(*answer),
            Test::Tombstone => Ok(shown.record.value().is_none()),
            Test::Exists(operand) => match operand.bytes(shown) {
                Ok(_) => Ok(true),
                Err(open) if matches!(open.why, Why::Malformed(_)) => Err(open),
                Err(_) => Ok(false),
            },
            Test::Flag(operand) => operand.boolean(shown),
            Test::Not(test) => test.answer(shown).map(|answer| !answer),
            Test::All(tests) => ask(tests, false, shown),
            Test::Any(tests) => ask(tests, true, shown),
            Test::Same(a, b) => Ok(a.answer(shown)? == b.answer(shown)?),
            Test::Numbers(comparison, a, b) => Ok(comparison.holds(compare_numbers(&a.number(shown)?, &b.number(shown)?))),
            Test::Texts(comparison, a, b) => Ok(comparison.holds(a.text(shown)?.cmp(&b.text(shown)?))),
            Test::AmongNumbers(operand, numbers) => {
                let number = operand.number(shown)?;
                Ok(numbers.iter().any(|one| compare_numbers(&number, one.as_bytes()) == Ordering::Equal))
            }
            Test::AmongTexts(operand, texts) => {
                let text = operand.text(shown)?;
                Ok(texts.binary_search_by(|one| one[..].cmp(&text)).is_ok())
            }
            Test::Text(test, operand, with) => {
                let text = operand.text(shown)?;
                Ok(match test {
                    TextTest::StartsWith => text.starts_with(with),
                    TextTest::EndsWith => text.ends_with(with),
                    TextTest::Contains => with.is_empty() || text.windows(with.len()).any(|window| window == with),
                    TextTest::Matches => pattern::matches(with, &text),
                })
            }
        }
    }
}

/// Asks one after another until one answers `decisive`, which settles it. Otherwise what is open leaves it open.
fn ask<'t>(tests: &'t [Test], decisive: bool, shown: &Shown<'_>) -> Result<bool, Open<'t>> {
    let mut open = None;
    for test in tests {
        match test.answer(shown) {
            Ok(answer) if answer == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(why) => open = open.or(Some(why)),
        }
    }
    open.map_or(Ok(!decisive), Err)
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::AtLeast => order.is_ge(),
        }
    }
}

impl Operand {
    /// The value's bytes; of a field those that are written, quotes and all.
    fn bytes<'v, 't: 'v>(&'t self, shown: &Shown<'v>) -> Result<Cow<'v, [u8]>, Open<'t>> {
        let decimal = |number: i64| Cow::Owned(number.to_string().into_bytes());
        let bytes = match &self.source {
            Source::Field(field) => shown.found.get(*field, shown.value).filter(|text| *text != b"null").map(Cow::Borrowed),
            Source::Header(name) => {
                let named = shown.record.headers().filter(|(header, _)| *header == name.as_bytes());
                named.last().and_then(|(_, value)| value).map(Cow::Borrowed)
            }
            Source::Key => shown.record.key().map(Cow::Borrowed),
            Source::Topic => Some(Cow::Borrowed(shown.record.topic().as_bytes())),
            Source::Partition => Some(decimal(i64::from(shown.record.partition()))),
            Source::Offset => shown.record.offset().map(decimal),
            Source::Timestamp => shown.record.timestamp().map(decimal),
            Source::Text(text) | Source::Number(text) => Some(Cow::Borrowed(text.as_bytes())),
        };
        bytes.ok_or_else(|| {
            self.open(match shown {
                Shown { malformed: Some(malformed), .. } if self.is_field() && shown.record.value().is_some() => {
                    Why::Malformed(*malformed)
                }
                Shown { record, .. } if self.is_field() && record.value().is_none() => Why::Tombstone,
                _ => Why::Missing,
            })
        })
    }

    fn text<'v, 't: 'v>(&'t self, shown: &Shown<'v>) -> Result<Cow<'v, [u8]>, Open<'t>> {
        let bytes = self.bytes(shown)?;
        match bytes {
            Cow::Borrowed(written) if self.is_field() => unquote(written).ok_or_else(|| self.open(Why::NotText)),
            bytes => Ok(bytes),
        }
    }

    /// The digits of a number, or of text that is one.
    fn number<'v, 't: 'v>(&'t self, shown: &Shown<'v>) -> Result<Cow<'v, [u8]>, Open<'t>> {
        let bytes = self.bytes(shown)?;
        if is_number(&bytes) {
            return Ok(bytes);
        }
        match bytes {
            Cow::Borrowed(written) if self.is_field() => unquote(written).filter(|text| is_number(text)),
            _ => None,
        }
        .ok_or_else(|| self.open(Why::NotNumber))
    }

    fn boolean<'t>(&'t self, shown: &Shown<'_>) -> Result<bool, Open<'t>> {
        match &*self.bytes(shown)? {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(self.open(Why::NotBoolean)),
        }
    }

    fn is_field(&self) -> bool {
        matches!(self.source, Source::Field(_))
    }

    #[cold]
    fn open(&self, why: Why) -> Open<'_> {
        Open { operand: self, why }
    }
}

impl fmt::Display for Open<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name in backticks has its own.
        let tick = if self.operand.name.starts_with('`') { "" } else { "`" };
        let name = format_args!("{tick}{}{tick}", self.operand.name);
        match &self.why {
            Why::Missing => write!(f, "{name} is missing or null"),
            Why::Tombstone => write!(f, "{name} is missing, for the record has no value"),
            Why::Malformed(malformed) => write!(f, "{name} was not found: {malformed}"),
            Why::NotText => write!(f, "{name} is not text"),
            Why::NotNumber => write!(f, "{name} is neither a number nor text that is one"),
            Why::NotBoolean => write!(f, "{name} is neither true nor false"),
        }
    }
}
