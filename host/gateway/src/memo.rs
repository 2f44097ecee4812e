//! What is written beside the group offset in Kafka, so that a channel that forgot its offset is noticed, and so are rows that
//! Snowflake rejected while nobody looked.

use serde::{Deserialize, Serialize};
use snowgate_record::Offset;

/// Kafka keeps this text with the group offset and gives it back at the next assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memo<'a> {
    /// The channel's committed offset at that moment.
    pub(crate) committed_offset: Option<Offset>,
    /// How many rows of the channel were known to be rejected by then, if that was known.
    pub(crate) row_errors: Option<u64>,
    pub(crate) channel: &'a str,
    pub(crate) table: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<i64>,
    /// Absent in what older versions wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<u64>,
    #[serde(borrow)]
    channel: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    table: std::borrow::Cow<'a, str>,
}

impl Memo<'_> {
    pub(crate) fn to_text(self) -> String {
        let written = Written {
            token: self.committed_offset.map(Offset::get),
            errors: self.row_errors,
            channel: self.channel.into(),
            table: self.table.into(),
        };
        serde_json::to_string(&written).expect("plain fields are JSON")
    }
}

/// What a text of [`Memo::to_text`] says, where it speaks of the same channel and table: the committed offset and the rows
/// rejected. Other programs' texts say nothing to us.
pub(crate) fn read(text: &str, channel: &str, table: &str) -> (Option<Offset>, Option<u64>) {
    match serde_json::from_str::<Written<'_>>(text) {
        Ok(written) if written.channel == channel && written.table == table => {
            (written.token.and_then(Offset::new), written.errors)
        }
        Ok(_) | Err(_) => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_of_the_same_channel_and_table_is_read_back() {
        let memo = Memo { committed_offset: Offset::new(41), row_errors: Some(7), channel: "orders_\"3\"", table: "ORDERS" };
        let text = memo.to_text();
        assert_eq!(read(&text, "orders_\"3\"", "ORDERS"), (Offset::new(41), Some(7)));
        assert_eq!(read(&text, "orders_\"3\"", "OTHER"), (None, None));
        assert_eq!(read(&text, "orders_4", "ORDERS"), (None, None));
    }

    #[test]
    fn a_memo_of_an_older_version_still_tells_its_offset() {
        assert_eq!(read(r#"{"token":41,"channel":"c","table":"t"}"#, "c", "t"), (Offset::new(41), None));
        assert_eq!(read(r#"{"channel":"c","table":"t"}"#, "c", "t"), (None, None));
    }

    #[test]
    fn a_foreign_text_says_nothing() {
        for text in ["", "hello", "{}", r#"{"token":"x","channel":"c","table":"t"}"#, r#"{"token":-1,"channel":"c","table":"t"}"#] {
            assert_eq!(read(text, "c", "t"), (None, None), "{text}");
        }
    }
}
