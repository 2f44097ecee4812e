//! The text of an offset token: the only place that knows it.
//!
//! Snowflake stores a channel's offset token as text and compares nothing; we do, as numbers. The text is the offset in decimal
//! digits without padding, as the Kafka connector writes it, so a channel can change hands between the two.
//!
//! Invariant: [`parse`] takes exactly what [`to_text`] gives. Anything else means that someone else wrote the channel, and that we
//! do not know where it stands.

use snowgate_record::Offset;

/// A committed token that is no offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("offset token `{shown}` is not a Kafka offset")]
pub struct UnknownToken {
    /// The token, cut short.
    shown: String,
}

/// The token that says "everything up to `offset` is here".
pub fn to_text(offset: Offset) -> String {
    itoa::Buffer::new().format(offset.get()).to_owned()
}

pub fn parse(text: &str) -> Result<Offset, UnknownToken> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let offset = if is_plain { text.parse().ok().and_then(Offset::new) } else { None };
    offset.ok_or_else(|| UnknownToken { shown: text.chars().take(32).flat_map(char::escape_default).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_the_plain_decimal_offset() {
        assert_eq!(to_text(Offset::ZERO), "0");
        assert_eq!(to_text(Offset::new(4).unwrap()), "4");
        assert_eq!(to_text(Offset::new(i64::MAX).unwrap()), "9223372036854775807");
    }

    #[test]
    fn text_that_we_would_not_write_is_refused() {
        for text in ["", " ", "-1", "+1", "04", "00", "4 ", "4.0", "0x4", "1e3", "null", "٤", "9223372036854775808"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_token_is_shown_short_and_on_one_line() {
        let error = parse(&format!("a\nb{}", "c".repeat(100))).unwrap_err();
        assert_eq!(error.to_string(), format!("offset token `a\\nb{}` is not a Kafka offset", "c".repeat(29)));
    }

    proptest! {
        #[test]
        fn every_offset_survives_its_token(value in 0..=i64::MAX) {
            let offset = Offset::new(value).unwrap();
            prop_assert_eq!(parse(&to_text(offset)), Ok(offset));
        }
    }
}
