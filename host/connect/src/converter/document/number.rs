//! Numbers with a point or an exponent: which of them a double holds exactly as they are written.

use std::str::FromStr;

use bigdecimal::BigDecimal;

use crate::data::Value;

/// Every number of so many digits survives a double.
const DIGITS_OF_A_DOUBLE: usize = 15;

/// A decimal number with a point or an exponent as `Float64` where that is the very number, else as `Decimal`.
pub(crate) fn nearest(text: &str) -> Option<Value> {
    let double: f64 = text.parse().ok()?;
    if double.is_normal() {
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        let significant = mantissa.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        if significant <= DIGITS_OF_A_DOUBLE {
            return Some(Value::Float64(double));
        }
    }
    let written = NormalForm::of(text)?;
    if written.digits.is_empty() {
        return Some(Value::Float64(0.0));
    }
    if double.is_finite() && NormalForm::of(&format!("{double:e}"))? == written {
        return Some(Value::Float64(double));
    }
    BigDecimal::from_str(text).ok().map(Value::Decimal)
}

/// `digits` times ten to the `exponent`, without zeros at either end; zero has no digits. Equal numbers are equal forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NormalForm {
    pub(crate) negative: bool,
    pub(crate) digits: String,
    pub(crate) exponent: i64,
    /// Digits after the point less the exponent, as written: Java's scale.
    scale: Scale,
}

/// Not a part of what the number is.
#[derive(Debug, Clone, Copy)]
struct Scale(i64);

impl PartialEq for Scale {
    fn eq(&self, _: &Scale) -> bool {
        true
    }
}

impl Eq for Scale {}

impl NormalForm {
    /// Reads what Java's `BigDecimal` reads: `+1`, `.5`, `5.`, `1e3`.
    pub(crate) fn of(text: &str) -> Option<NormalForm> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => {
                let exponent = &unsigned[at + 1..];
                let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
                if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                    return None;
                }
                (&unsigned[..at], exponent.parse::<i64>().ok()?)
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let scale = fraction.len() as i64 - exponent;
        let all = [whole, fraction].concat();
        let digits = all.trim_end_matches('0');
        let exponent = (all.len() - digits.len()) as i64 - scale;
        let digits = digits.trim_start_matches('0').to_owned();
        let zero = digits.is_empty();
        Some(NormalForm { negative: negative && !zero, digits, exponent: if zero { 0 } else { exponent }, scale: Scale(scale) })
    }

    pub(crate) fn scale(&self) -> i64 {
        self.scale.0
    }

    /// The number where it is whole and fits.
    pub(crate) fn to_i64(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| *zeros <= 19)?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }
}
