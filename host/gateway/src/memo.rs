//! What is written beside the group offset in Kafka: how far each table was, so that a channel that forgot its offset is noticed, and
//! so are rows that Snowflake rejected while nobody looked; and by which routing records were read, so that none is read again by
//! another while rows of it are on their way.
//!
//! Kafka keeps 4,096 bytes of it unless told otherwise, so tables besides the pipeline's own are known by a digest of their names: 32
//! of them take at most 1.6 kB. What an earlier version wrote is read; an earlier version passes over what is new here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use snowgate_record::Offset;

use crate::partition::{Before, Begin, Remembered};
use crate::stages::Plan;

/// Kafka keeps this text with the group offset and gives it back at the next assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Memo<'a> {
    pub(crate) channel: &'a str,
    /// The pipeline's own first.
    pub(crate) tables: Vec<TableMemo<'a>>,
    /// As [`routing`] tells it, where there is more than one table.
    pub(crate) routing: Option<&'a str>,
    /// Whether nothing that was read is left to settle, so that another routing may go on.
    pub(crate) at_rest: bool,
}

/// How far a table was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableMemo<'a> {
    pub(crate) table: &'a str,
    /// The channel's committed offset at that moment.
    pub(crate) committed_offset: Option<Offset>,
    /// How many rows of the channel were known to be rejected by then, if that was known.
    pub(crate) row_errors: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<i64>,
    /// Absent in what older versions wrote, as is all but the channel and the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<u64>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    table: Cow<'a, str>,
    /// Token and errors of further tables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    more: BTreeMap<String, (Option<i64>, Option<u64>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    routing: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rest: bool,
}

impl Memo<'_> {
    pub(crate) fn to_text(&self) -> String {
        let (own, more) = self.tables.split_first().expect("a pipeline has a table of its own");
        let token = |memo: &TableMemo<'_>| memo.committed_offset.map(Offset::get);
        let written = Written {
            token: token(own),
            errors: own.row_errors,
            channel: self.channel.into(),
            table: own.table.into(),
            more: more.iter().map(|memo| (short(memo.table), (token(memo), memo.row_errors))).collect(),
            routing: self.routing.map(str::to_owned),
            rest: self.at_rest,
        };
        serde_json::to_string(&written).expect("plain fields are JSON")
    }
}

/// What a text of [`Memo::to_text`] says to a partition that goes to `tables` now, the pipeline's own first, by `routing`. Another
/// channel's text, or another program's, says nothing.
pub(crate) fn read(text: &str, channel: &str, tables: &[&str], routing: Option<&str>, group_offset: Option<Offset>) -> Begin {
    let nothing = Remembered { group_offset, ..Remembered::default() };
    let Some(mut written) = parse(text).filter(|written| written.channel == channel) else {
        // Whoever has several tables writes before it appends; what there was before may have had one.
        let before = if routing.is_some() { Before::Other { lost_sight: false } } else { Before::Same };
        return Begin { remembered: vec![nothing; tables.len()], before };
    };
    let mut known = std::mem::take(&mut written.more);
    known.insert(short(&written.table), (written.token, written.errors));
    let remembered = tables.iter().map(|table| {
        let (token, row_errors) = known.remove(&short(table)).unwrap_or_default();
        Remembered { committed_offset: token.and_then(Offset::new), row_errors, ..nothing }
    });
    let remembered = remembered.collect();
    let before = match (written.routing.as_deref() == routing, written.rest) {
        (true, false) => Before::Same,
        (true, true) => Before::AtRest,
        (false, at_rest) => Before::Other { lost_sight: !at_rest && !known.is_empty() },
    };
    Begin { remembered, before }
}

/// Whether the text says that records are read by `routing`.
pub(crate) fn names(text: &str, routing: Option<&str>) -> bool {
    parse(text).is_some_and(|written| written.routing.as_deref() == routing && !written.rest)
}

fn parse(text: &str) -> Option<Written<'_>> {
    serde_json::from_str(text).ok()
}

/// All that a record's table follows from: the plugins, their options, a connector's transforms and converters, and the tables.
pub(crate) fn routing(plan: &Plan, tables: &[&str]) -> Option<String> {
    if tables.len() < 2 {
        return None;
    }
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    let (own, more) = tables.split_first().expect("a pipeline has a table of its own");
    let more: BTreeSet<_> = more.iter().collect();
    add(own);
    more.into_iter().for_each(|table| add(table));
    for loaded in plan.plugins() {
        add(loaded.plugin.digest());
        add(&loaded.settings.plugin.config_json);
    }
    if let Some(road) = &plan.road {
        add(&road.naming);
    }
    Some(hex(&hash.finalize(), 8))
}

/// The name by which a table is remembered: 48 bits tell 33 tables apart.
fn short(table: &str) -> String {
    hex(&Sha256::digest(table), 6)
}

fn hex(digest: &[u8], bytes: usize) -> String {
    digest.iter().take(bytes).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(table: &str, committed_offset: impl Into<Option<i64>>, row_errors: impl Into<Option<u64>>) -> TableMemo<'_> {
        TableMemo { table, committed_offset: committed_offset.into().and_then(Offset::new), row_errors: row_errors.into() }
    }

    fn told(begin: &Begin) -> Vec<(Option<i64>, Option<u64>)> {
        begin.remembered.iter().map(|told| (told.committed_offset.map(Offset::get), told.row_errors)).collect()
    }

    fn single(text: &str, channel: &str, table: &str) -> (Option<i64>, Option<u64>) {
        let begin = read(text, channel, &[table], None, Offset::new(50));
        assert_eq!(begin.remembered[0].group_offset, Offset::new(50));
        told(&begin)[0]
    }

    #[test]
    fn a_memo_of_the_same_channel_and_table_is_read_back() {
        let memo = Memo { channel: "orders_\"3\"", tables: vec![table("ORDERS", 41, 7)], routing: None, at_rest: false };
        let text = memo.to_text();
        assert_eq!(text, r#"{"token":41,"errors":7,"channel":"orders_\"3\"","table":"ORDERS"}"#);
        assert_eq!(single(&text, "orders_\"3\"", "ORDERS"), (Some(41), Some(7)));
        assert_eq!(single(&text, "orders_\"3\"", "OTHER"), (None, None));
        assert_eq!(single(&text, "orders_4", "ORDERS"), (None, None));
    }

    #[test]
    fn a_memo_of_an_older_version_still_tells_its_offset() {
        assert_eq!(single(r#"{"token":41,"channel":"c","table":"t"}"#, "c", "t"), (Some(41), None));
        assert_eq!(single(r#"{"channel":"c","table":"t"}"#, "c", "t"), (None, None));
    }

    #[test]
    fn a_foreign_text_says_nothing() {
        for text in ["", "hello", "{}", r#"{"token":"x","channel":"c","table":"t"}"#, r#"{"token":-1,"channel":"c","table":"t"}"#] {
            assert_eq!(single(text, "c", "t"), (None, None), "{text}");
            assert_eq!(read(text, "c", &["t"], None, None).before, Before::Same);
            assert_eq!(read(text, "c", &["t", "u"], Some("r"), None).before, Before::Other { lost_sight: false });
        }
    }

    #[test]
    fn each_table_is_remembered_whichever_is_the_pipelines_own() {
        let tables = vec![table("A", 41, 7), table("B", None, 0), table("C", 39, None)];
        let text = Memo { channel: "c", tables, routing: Some("r"), at_rest: false }.to_text();
        let same = read(&text, "c", &["A", "B", "C"], Some("r"), Offset::new(40));
        assert_eq!(told(&same), [(Some(41), Some(7)), (None, Some(0)), (Some(39), None)]);
        assert_eq!(same.before, Before::Same);
        let other = read(&text, "c", &["C", "D", "A", "B"], Some("s"), Offset::new(40));
        assert_eq!(told(&other), [(Some(39), None), (None, None), (Some(41), Some(7)), (None, Some(0))]);
        assert_eq!(other.before, Before::Other { lost_sight: false });
    }

    #[test]
    fn a_table_that_is_left_out_is_lost_sight_of_unless_all_is_at_rest() {
        let mut memo = Memo { channel: "c", tables: vec![table("A", 41, 0), table("B", 3, 0)], routing: Some("r"), at_rest: false };
        let before = |memo: &Memo<'_>, tables: &[&str], routing| read(&memo.to_text(), "c", tables, routing, None).before;
        assert_eq!(before(&memo, &["A"], None), Before::Other { lost_sight: true });
        assert_eq!(before(&memo, &["A", "C"], Some("s")), Before::Other { lost_sight: true });
        assert!(names(&memo.to_text(), Some("r")) && !names(&memo.to_text(), Some("s")));
        memo.at_rest = true;
        assert_eq!(before(&memo, &["A"], None), Before::Other { lost_sight: false });
        // Whoever goes on has to say so first.
        assert_eq!(before(&memo, &["A", "B"], Some("r")), Before::AtRest);
        assert!(!names(&memo.to_text(), Some("r")));
    }

    #[test]
    fn a_pipeline_that_gets_its_second_table_was_read_by_another_routing() {
        let text = r#"{"token":41,"errors":0,"channel":"c","table":"A"}"#;
        assert_eq!(read(text, "c", &["A", "B"], Some("r"), None).before, Before::Other { lost_sight: false });
        assert_eq!(read(text, "c", &["A"], None, None).before, Before::Same);
    }

    #[test]
    fn what_is_remembered_of_many_tables_fits_beside_an_offset() {
        let names: Vec<_> = (0..33).map(|n| format!("{n:x>255}")).collect();
        let tables = names.iter().map(|name| table(name, i64::MAX, u64::MAX)).collect();
        let channel = "c".repeat(300);
        let text = Memo { channel: &channel, tables, routing: Some("0123456789abcdef"), at_rest: true }.to_text();
        assert!(text.len() < 3_000, "{}", text.len());
    }
}
