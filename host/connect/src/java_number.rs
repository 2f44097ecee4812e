//! Numbers as Java writes and reads them.
//!
//! Users compare what we make of a number with what Connect made of it: `1.0E7`, not `10000000`.

use std::io::Write as _;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

/// As `Double.toString`, with the fewest digits that read back as the same number.
pub(crate) fn double_text(number: f64) -> String {
    match number {
        _ if is_plain(number.abs()) => format!("{number:?}"),
        _ if number.is_finite() => scientific(&format!("{number:e}")),
        _ => not_finite(number).to_owned(),
    }
}

/// Appends [`double_text`].
pub(crate) fn write_double(number: f64, out: &mut Vec<u8>) {
    match is_plain(number.abs()) {
        true => write!(out, "{number:?}").expect("memory takes what is written to it"),
        false => out.extend_from_slice(double_text(number).as_bytes()),
    }
}

/// As `Float.toString`, with the fewest digits that read back as the same number.
pub(crate) fn float_text(number: f32) -> String {
    match number {
        _ if is_plain(f64::from(number).abs()) => format!("{number:?}"),
        _ if number.is_finite() => scientific(&format!("{number:e}")),
        _ => not_finite(f64::from(number)).to_owned(),
    }
}

/// Java writes these without an exponent.
fn is_plain(size: f64) -> bool {
    size == 0.0 || (1e-3..1e7).contains(&size)
}

/// `1e10` as `1.0E10`
fn scientific(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let fraction = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{fraction}E{exponent}")
}

fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// As `BigDecimal.toString`.
pub(crate) fn decimal_text(number: &BigDecimal) -> String {
    let (unscaled, scale) = number.as_bigint_and_exponent();
    let sign = if unscaled.is_negative() { "-" } else { "" };
    let digits = unscaled.abs().to_string();
    let exponent = digits.len() as i64 - 1 - scale;
    if scale < 0 || exponent < -6 {
        let point = if digits.len() > 1 { "." } else { "" };
        return format!("{sign}{}{point}{}E{exponent:+}", &digits[..1], &digits[1..]);
    }
    let scale = scale as usize;
    match scale {
        0 => format!("{sign}{digits}"),
        _ => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let whole = padded.len() - scale;
            format!("{sign}{}.{}", &padded[..whole], &padded[whole..])
        }
    }
}

/// As `Double.parseDouble`: blanks around it and an `f` or `d` after it do not matter. Hexadecimal floats are not read.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    float_literal(text).and_then(|literal| literal.parse().ok())
}

/// As `Float.parseFloat`.
pub(crate) fn parse_float(text: &str) -> Option<f32> {
    float_literal(text).and_then(|literal| literal.parse().ok())
}

/// The part of a text that Rust and Java read alike.
fn float_literal(text: &str) -> Option<&str> {
    let text = text.trim_matches(|blank| blank <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return Some(text);
    }
    let end = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    is_decimal(end).then_some(end)
}

/// Digits with an optional sign, point and exponent.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|digit| !digit.is_empty() && digits(digit))
}

/// As `new BigDecimal(text)`.
pub(crate) fn parse_decimal(text: &str) -> Option<BigDecimal> {
    if !is_decimal(text) {
        return None;
    }
    BigDecimal::from_str(text.strip_prefix('+').unwrap_or(text)).ok()
}

/// As `new BigInteger(text)`.
pub(crate) fn parse_integer(text: &str) -> Option<BigInt> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

/// As `BigDecimal.longValue`: the fraction is cut off, and of what is left the lowest 64 bits are taken.
pub(crate) fn decimal_as_long(number: &BigDecimal) -> i64 {
    let (unscaled, scale) = number.as_bigint_and_exponent();
    // 2^64 divides 10^64.
    if scale <= -64 || scale > unscaled.bits() as i64 {
        return 0;
    }
    integer_as_long(&number.with_scale_round(0, bigdecimal::RoundingMode::Down).into_bigint_and_exponent().0)
}

/// As `BigInteger.longValue`: the lowest 64 bits.
pub(crate) fn integer_as_long(number: &BigInt) -> i64 {
    let low: BigInt = number & BigInt::from(u64::MAX);
    low.to_u64().unwrap_or(0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_is_written_as_java_does() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.00012, "1.2E-4"),
            (1e7, "1.0E7"),
            (9_999_999.5, "9999999.5"),
            (1e-7, "1.0E-7"),
            (-1.25e300, "-1.25E300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(number), text);
            let mut written = Vec::new();
            write_double(number, &mut written);
            assert_eq!(written, text.as_bytes());
        }
        assert_eq!(float_text(0.1), "0.1");
        assert_eq!(float_text(16_777_216.0), "1.6777216E7");
    }

    #[test]
    fn a_decimal_is_written_as_java_does() {
        for text in ["0", "12.340", "-0.05", "0.000001", "1E+3", "1.2E-7", "-1.5E+10", "0.00"] {
            assert_eq!(decimal_text(&text.parse().expect(text)), text);
        }
    }

    #[test]
    fn a_float_is_read_as_java_does() {
        for (text, number) in
            [(" 12 ", 12.0), ("1.", 1.0), (".5", 0.5), ("+1e3", 1000.0), ("1.5d", 1.5), ("-Infinity", f64::NEG_INFINITY)]
        {
            assert_eq!(parse_double(text), Some(number), "{text}");
        }
        for text in ["", ".", "inf", "nan", "1_0", "1e", "e5", "true"] {
            assert_eq!(parse_double(text), None, "{text}");
        }
    }

    #[test]
    fn a_huge_exponent_is_narrowed_without_being_written_out() {
        assert_eq!(decimal_as_long(&"1e900000000".parse().expect("a decimal")), 0);
        assert_eq!(decimal_as_long(&"1e-900000000".parse().expect("a decimal")), 0);
        assert_eq!(decimal_as_long(&"-1.9".parse().expect("a decimal")), -1);
        assert_eq!(decimal_as_long(&"18446744073709551617".parse().expect("a decimal")), 1);
    }
}
