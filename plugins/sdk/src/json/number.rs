//! Numbers compared by their digits, as JSON writes them: `0.10` is `0.1` and `1e-1`, and 2^53 + 1 is not 2^53.

use std::cmp::Ordering;
use std::iter::repeat;

/// Exponents beyond this are taken for it; the digits that could tell the difference do not fit into a record.
const EXPONENT: i64 = 1 << 40;

/// A number as 0.DIGITS times ten to the power of `magnitude`.
struct Decimal<'a> {
    /// -1, 0 or 1.
    sign: i8,
    magnitude: i64,
    /// The digits from the first that is not zero on: those before the point and those behind it.
    digits: (&'a [u8], &'a [u8]),
}

/// Which of two numbers is greater, by their digits and so exactly, however many there are.
///
/// Both are to be numbers as [`is_number`](super::is_number) has it; of other texts the answer means nothing.
///
/// ```
/// use snowgate_plugin::json::compare_numbers;
///
/// assert!(compare_numbers(b"0.10", b"1e-1").is_eq());
/// assert!(compare_numbers(b"9007199254740993", b"9007199254740992").is_gt());
/// ```
pub fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (Decimal::of(a), Decimal::of(b));
    if a.sign != b.sign || a.sign == 0 {
        return a.sign.cmp(&b.sign);
    }
    let sizes = a.magnitude.cmp(&b.magnitude).then_with(|| a.compare_digits(&b));
    if a.sign < 0 { sizes.reverse() } else { sizes }
}

impl<'a> Decimal<'a> {
    fn of(text: &'a [u8]) -> Decimal<'a> {
        let (sign, text) = text.strip_prefix(b"-").map_or((1, text), |text| (-1, text));
        let (text, exponent) = split(text, |byte| matches!(byte, b'e' | b'E'));
        let (whole, fraction) = split(text, |byte| byte == b'.');
        let exponent = exponent_of(exponent);
        if whole != b"0" {
            return Decimal { sign, magnitude: exponent + whole.len() as i64, digits: (whole, fraction) };
        }
        match fraction.iter().position(|digit| *digit != b'0') {
            Some(zeros) => Decimal { sign, magnitude: exponent - zeros as i64, digits: (b"", &fraction[zeros..]) },
            None => Decimal { sign: 0, magnitude: 0, digits: (b"", b"") },
        }
    }

    fn compare_digits(&self, other: &Decimal<'_>) -> Ordering {
        let digits = |number: &Decimal<'a>| number.digits.0.iter().chain(number.digits.1);
        let length = |number: &Decimal<'_>| number.digits.0.len() + number.digits.1.len();
        let other_digits = other.digits.0.iter().chain(other.digits.1);
        let count = length(self).max(length(other));
        digits(self).chain(repeat(&b'0')).take(count).cmp(other_digits.chain(repeat(&b'0')).take(count))
    }
}

/// What stands before the first such byte, and what behind it.
fn split(text: &[u8], at: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| at(*byte)) {
        Some(index) => (&text[..index], &text[index + 1..]),
        None => (text, b""),
    }
}

fn exponent_of(text: &[u8]) -> i64 {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let size = digits.iter().fold(0, |size, digit| EXPONENT.min(size * 10 + i64::from(digit.wrapping_sub(b'0'))));
    if negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_their_exact_value() {
        let rising = [
            "-1e99999999999999999999",
            "-100.5",
            "-100.4999999999999999999999999",
            "-1",
            "-0.02",
            "-0.01",
            "0",
            "1e-99999999999999999999",
            "0.0009999",
            "0.001",
            "0.9",
            "1",
            "1.0000000000000000000000000001",
            "9007199254740992",
            "9007199254740993",
            "1e16",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "1e400",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(compare_numbers(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn one_number_may_be_written_in_many_ways() {
        for (a, b) in [
            ("0", "-0.00e7"),
            ("1", "1.000"),
            ("0.1", "1e-1"),
            ("0.1", "0.01E+1"),
            ("1200", "1.2e3"),
            ("-5.50", "-55e-1"),
            ("100e-2", "1"),
        ] {
            assert_eq!(compare_numbers(a.as_bytes(), b.as_bytes()), Ordering::Equal, "{a} {b}");
        }
    }
}
