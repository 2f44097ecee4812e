//! Compares what the source published with what the ledger says arrived: lost, doubled, out of order, foreign.
//!
//! The source knows the offsets of what it published, partition by partition; the ledger counts the distinct offsets of the rows it
//! committed. Nothing that the gateway says of itself is used.

use std::fmt;

use serde_json::Value;

use crate::sandbox::Published;

/// What became of the published records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rows: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    /// Rows with an offset that was never published, or with no origin at all.
    pub(crate) foreign: u64,
}

impl Verdict {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Verdict { rows: self.rows, ..Verdict::default() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lost {}, duplicated {}", self.lost, self.duplicated)?;
        if self.out_of_order > 0 {
            write!(f, ", out of order {}", self.out_of_order)?;
        }
        if self.foreign > 0 {
            write!(f, ", never published {}", self.foreign)?;
        }
        Ok(())
    }
}

/// Rows of a table that the ledger has.
pub(crate) fn rows(ledger: &Value, table: &str) -> u64 {
    find(ledger, table).and_then(|found| found["ledger"]["rows"].as_u64()).unwrap_or(0)
}

/// Judges a table of `DATABASE.SCHEMA.NAME`.
pub(crate) fn judge(ledger: &Value, table: &str, published: &Published) -> Verdict {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let account = find(ledger, table).map_or(&Value::Null, |found| &found["ledger"]);
    let mut verdict = Verdict {
        rows: number(&account["rows"]),
        duplicated: number(&account["duplicates"]),
        out_of_order: number(&account["out_of_order"]),
        foreign: number(&account["rows_without_metadata"]),
        ..Verdict::default()
    };
    let arrived: Vec<_> = account["partitions"].as_array().into_iter().flatten().collect();
    for expected in &published.partitions {
        let of_it = |found: &&&Value| found["topic"] == published.topic.as_str() && found["partition"] == expected.partition;
        let Some(found) = arrived.iter().find(of_it) else {
            verdict.lost += expected.records;
            continue;
        };
        let distinct = number(&found["distinct"]);
        let (min, max) = (found["min"].as_i64().unwrap_or(i64::MIN), found["max"].as_i64().unwrap_or(i64::MAX));
        // Offsets outside the published range are not ours; each such row hides a lost one.
        let outside = u64::try_from((expected.first_offset - min).max(0)).unwrap_or(0)
            + u64::try_from((max - expected.last_offset).max(0)).unwrap_or(0);
        verdict.foreign += outside.min(distinct) + distinct.saturating_sub(expected.records + outside);
        verdict.lost += expected.records.saturating_sub(distinct.saturating_sub(outside));
    }
    let known = |found: &&Value| {
        let partition = &found["partition"];
        found["topic"] == published.topic.as_str() && published.partitions.iter().any(|expected| *partition == expected.partition)
    };
    verdict.foreign += arrived.into_iter().filter(|found| !known(found)).map(|found| number(&found["rows"])).sum::<u64>();
    verdict
}

fn find<'a>(ledger: &'a Value, table: &str) -> Option<&'a Value> {
    ledger["tables"].as_array()?.iter().find(|found| found["table"] == table)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "CRYPTO_DB.PUBLIC.BINANCE_KLINE";

    fn published() -> Published {
        let summary = r#"{"topic": "binance_kline", "records": 20, "bytes": 1, "symbols": {}, "partitions": [
            {"partition": 0, "records": 10, "first_offset": 0, "last_offset": 9}, {"partition": 1, "records": 10, "first_offset": 5, "last_offset": 14}]}"#;
        Published::parse(&summary.replace('\n', "")).expect("as the source writes it")
    }

    fn ledger(partitions: &[(&str, i64, u64, i64, i64, u64)]) -> Value {
        let one = |&(topic, partition, distinct, min, max, duplicates): &(&str, i64, u64, i64, i64, u64)| {
            json!({"topic": topic, "partition": partition, "rows": distinct + duplicates, "distinct": distinct, "min": min, "max": max,
                "duplicates": duplicates})
        };
        let rows: u64 = partitions.iter().map(|p| p.2 + p.5).sum();
        let duplicates: u64 = partitions.iter().map(|p| p.5).sum();
        let account = json!({"rows": rows, "duplicates": duplicates, "out_of_order": 0, "rows_without_metadata": 0,
            "partitions": partitions.iter().map(one).collect::<Vec<_>>()});
        json!({"tables": [{"table": TABLE, "ledger": account}]})
    }

    #[test]
    fn all_of_it_once_is_clean() {
        let verdict = judge(&ledger(&[("binance_kline", 0, 10, 0, 9, 0), ("binance_kline", 1, 10, 5, 14, 0)]), TABLE, &published());
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.rows, verdict.to_string()), (20, "lost 0, duplicated 0".to_owned()));
    }

    #[test]
    fn a_missing_record_is_lost_and_a_second_row_is_doubled() {
        let verdict = judge(&ledger(&[("binance_kline", 0, 9, 0, 9, 0), ("binance_kline", 1, 10, 5, 14, 2)]), TABLE, &published());
        assert_eq!(verdict, Verdict { rows: 21, lost: 1, duplicated: 2, ..Verdict::default() });
    }

    #[test]
    fn a_partition_or_a_table_that_never_came_is_lost() {
        let verdict = judge(&ledger(&[("binance_kline", 1, 10, 5, 14, 0)]), TABLE, &published());
        assert_eq!((verdict.lost, verdict.is_clean()), (10, false));
        assert_eq!(judge(&json!({"tables": []}), TABLE, &published()).lost, 20);
    }

    #[test]
    fn rows_that_were_never_published_are_not_taken_for_ours() {
        let shifted =
            judge(&ledger(&[("binance_kline", 0, 10, 1, 10, 0), ("binance_kline", 1, 10, 5, 14, 0)]), TABLE, &published());
        assert_eq!((shifted.lost, shifted.foreign), (1, 1));
        let other = ledger(&[("binance_kline", 0, 10, 0, 9, 0), ("binance_kline", 1, 10, 5, 14, 0), ("other", 0, 3, 0, 2, 0)]);
        assert_eq!(judge(&other, TABLE, &published()), Verdict { rows: 23, foreign: 3, ..Verdict::default() });
    }
}
