//! What is written beside the group offset in Kafka, so that a channel that forgot its offset is noticed.

use serde::{Deserialize, Serialize};
use snowgate_record::Offset;

/// Kafka keeps this text with the group offset and gives it back at the next assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memo<'a> {
    /// The channel's committed offset at that moment.
    pub(crate) committed_offset: Option<Offset>,
    pub(crate) channel: &'a str,
    pub(crate) table: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<i64>,
    #[serde(borrow)]
    channel: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    table: std::borrow::Cow<'a, str>,
}

impl Memo<'_> {
    pub(crate) fn to_text(self) -> String {
        let written =
            Written { token: self.committed_offset.map(Offset::get), channel: self.channel.into(), table: self.table.into() };
        serde_json::to_string(&written).expect("three plain fields are JSON")
    }
}

/// The committed offset in a text of [`Memo::to_text`], where it speaks of the same channel and table. Other programs' texts
/// say nothing to us.
pub(crate) fn committed_offset(text: &str, channel: &str, table: &str) -> Option<Offset> {
    let written: Written<'_> = serde_json::from_str(text).ok()?;
    (written.channel == channel && written.table == table).then_some(written.token).flatten().and_then(Offset::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_of_the_same_channel_and_table_is_read_back() {
        let memo = Memo { committed_offset: Offset::new(41), channel: "orders_\"3\"", table: "ORDERS" };
        let text = memo.to_text();
        assert_eq!(committed_offset(&text, "orders_\"3\"", "ORDERS"), Offset::new(41));
        assert_eq!(committed_offset(&text, "orders_\"3\"", "OTHER"), None);
        assert_eq!(committed_offset(&text, "orders_4", "ORDERS"), None);
    }

    #[test]
    fn a_foreign_text_says_nothing() {
        for text in ["", "hello", "{}", r#"{"token":"x","channel":"c","table":"t"}"#, r#"{"token":-1,"channel":"c","table":"t"}"#] {
            assert_eq!(committed_offset(text, "c", "t"), None, "{text}");
        }
    }
}
