//! `snowgate verify`: do two tables hold the same records?
//!
//! For each topic and partition that `RECORD_METADATA` names: how many rows, how many offsets, from which to which. Two loaders that
//! run side by side are never at the same record, so rows are compared within the offsets that both tables reach; what lies outside
//! is shown and counts as no difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{stderr, stdout};

use snowgate_record::ErrorClass;
use snowgate_snowflake::client::{Client, StatementResult};
use snowgate_snowflake::names::{self, NameError};
use snowgate_snowflake::sql::TableName;

use crate::report::{Exit, explain};
use crate::say;
use crate::settings::Settings;

/// Why the tables could not be compared.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("`{written}` does not name a table")]
    Name { written: String, source: NameError },
    #[error("table {table} could not be read")]
    Query { table: TableName, source: Box<snowgate_snowflake::Error> },
    #[error("table {table} answered something else than counts and offsets")]
    Answer { table: TableName },
}

/// The rows of one partition in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    rows: i64,
    offsets: i64,
    first: i64,
    last: i64,
}

/// One partition in both tables.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    topic: String,
    partition: i64,
    /// All rows.
    whole: [Option<Extent>; 2],
    /// The rows within the offsets that both reach.
    shared: [Option<Extent>; 2],
}

type Extents = BTreeMap<(String, i64), Extent>;

/// Offsets of one partition that both tables reach.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shared {
    topic: String,
    partition: i64,
    first: i64,
    last: i64,
}

/// Compares two tables of the account in `[snowflake]`, and says what is not the same.
pub(crate) fn verify(settings: &Settings, warehouse: Option<&str>, tables: [&str; 2]) -> Exit {
    let Some(login) = settings.snowflake.clone() else {
        say(stderr(), "error: the configuration has no section `[snowflake]`, which says where the tables are\n");
        return Exit::Config;
    };
    let named: Result<Vec<_>, _> = tables.iter().map(|table| parse_table(table, &login.database, &login.schema)).collect();
    let named = match named {
        Ok(named) => named,
        Err(error) => return failed(&error, None, ErrorClass::Config),
    };
    let client = match Client::new(login) {
        Ok(client) => client,
        Err(error) => return failed(&error, error.hint(), error.class()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime without threads starts");
    match runtime.block_on(compare(&client, [&named[0], &named[1]], warehouse)) {
        Ok((text, exit)) => {
            say(stdout(), &text);
            exit
        }
        Err(Error::Query { table, source }) => {
            let (hint, class) = (source.hint(), source.class());
            failed(&Error::Query { table, source }, hint, class)
        }
        Err(error) => failed(&error, None, ErrorClass::Config),
    }
}

fn failed(error: &dyn std::error::Error, hint: Option<String>, class: ErrorClass) -> Exit {
    say(stderr(), &explain(error, hint.as_deref()));
    Exit::of(class)
}

/// A table as written: `TABLE`, `SCHEMA.TABLE` or `DATABASE.SCHEMA.TABLE`; what is left out is where rows are loaded.
fn parse_table(written: &str, database: &str, schema: &str) -> Result<TableName, Error> {
    let failed = |source| Error::Name { written: written.to_owned(), source };
    let parts: Vec<_> = written.split('.').map(names::parse_identifier).collect::<Result<_, _>>().map_err(failed)?;
    let (database, schema) = (database.to_owned(), schema.to_owned());
    match <[String; 3]>::try_from(parts.clone()) {
        Ok([database, schema, table]) => Ok(TableName { database, schema, table }),
        Err(_) => match <[String; 2]>::try_from(parts.clone()) {
            Ok([schema, table]) => Ok(TableName { database, schema, table }),
            Err(_) if parts.len() == 1 => Ok(TableName { database, schema, table: parts[0].clone() }),
            Err(_) => Err(failed(NameError::NeedsQuotes(written.to_owned()))),
        },
    }
}

/// Compares two tables; the answer as its reader sees it.
async fn compare(client: &Client, tables: [&TableName; 2], warehouse: Option<&str>) -> Result<(String, Exit), Error> {
    let mut whole = [Extents::new(), Extents::new()];
    for (extents, table) in whole.iter_mut().zip(tables) {
        *extents = ask(client, table, warehouse, &query(table, &[])).await?;
    }
    let ranges = shared_ranges(&whole);
    let mut shared = [Extents::new(), Extents::new()];
    if !ranges.is_empty() {
        for (extents, table) in shared.iter_mut().zip(tables) {
            *extents = ask(client, table, warehouse, &query(table, &ranges)).await?;
        }
    }
    let lines = lines(&whole, &shared);
    Ok(report(&lines, tables))
}

async fn ask(client: &Client, table: &TableName, warehouse: Option<&str>, sql: &str) -> Result<Extents, Error> {
    let answer =
        client.execute_in(sql, warehouse).await.map_err(|source| Error::Query { table: table.clone(), source: source.into() })?;
    read(&answer).ok_or_else(|| Error::Answer { table: table.clone() })
}

/// Counts and offsets by partition, within `ranges` where there are any.
fn query(table: &TableName, ranges: &[Shared]) -> String {
    let (topic, partition, offset) =
        ("RECORD_METADATA:topic::string", "RECORD_METADATA:partition::int", "RECORD_METADATA:offset::int");
    let mut sql = format!(
        "SELECT {topic} AS T, {partition} AS P, COUNT(*) AS N, COUNT(DISTINCT {offset}) AS D, MIN({offset}) AS A, MAX({offset}) AS Z FROM {}",
        table.quoted()
    );
    for (index, range) in ranges.iter().enumerate() {
        let joint = if index == 0 { " WHERE" } else { " OR" };
        let Shared { partition: number, first, last, .. } = range;
        let name = range.topic.replace('\'', "''");
        write!(sql, "{joint} ({topic} = '{name}' AND {partition} = {number} AND {offset} BETWEEN {first} AND {last})")
            .expect("writing to a string does not fail");
    }
    sql + " GROUP BY 1, 2 ORDER BY 1, 2"
}

fn read(answer: &StatementResult) -> Option<Extents> {
    let mut extents = Extents::new();
    for row in &answer.rows {
        let number = |index: usize| row.get(index)?.as_deref()?.parse::<i64>().ok();
        // Rows that came without metadata belong to no partition, and are not compared.
        let (Some(Some(topic)), Some(partition)) = (row.first(), number(1)) else { continue };
        let extent = Extent { rows: number(2)?, offsets: number(3)?, first: number(4)?, last: number(5)? };
        extents.insert((topic.clone(), partition), extent);
    }
    Some(extents)
}

fn shared_ranges(whole: &[Extents; 2]) -> Vec<Shared> {
    let [left, right] = whole;
    let both = left.iter().filter_map(|(at, one)| Some((at, one, right.get(at)?)));
    let ranges = both.map(|((topic, partition), one, other)| Shared {
        topic: topic.clone(),
        partition: *partition,
        first: one.first.max(other.first),
        last: one.last.min(other.last),
    });
    ranges.filter(|range| range.first <= range.last).collect()
}

fn lines(whole: &[Extents; 2], shared: &[Extents; 2]) -> Vec<Line> {
    let mut places: Vec<_> = whole[0].keys().chain(whole[1].keys()).cloned().collect();
    places.sort();
    places.dedup();
    let of = |extents: &[Extents; 2], at: &(String, i64)| extents.each_ref().map(|extents| extents.get(at).copied());
    places.into_iter().map(|at| Line { whole: of(whole, &at), shared: of(shared, &at), topic: at.0, partition: at.1 }).collect()
}

impl Line {
    /// What is not the same, if anything.
    fn difference(&self) -> Option<String> {
        let [Some(one), Some(other)] = self.whole else {
            return Some(if self.whole[0].is_none() { "only in the second" } else { "only in the first" }.to_owned());
        };
        let doubled = |extent: Extent| extent.rows - extent.offsets;
        if doubled(one) != doubled(other) {
            return Some(format!("{} rows more than offsets in the first, {} in the second", doubled(one), doubled(other)));
        }
        match self.shared {
            [Some(one), Some(other)] if one != other => {
                Some(format!("{} rows against {} within the offsets that both reach", one.rows, other.rows))
            }
            [Some(_), Some(_)] => None,
            [None, None] if one.last < other.first || other.last < one.first => Some("no offset in common".to_owned()),
            _ => Some("rows in one of them only, within the offsets that both reach".to_owned()),
        }
    }
}

fn report(lines: &[Line], tables: [&TableName; 2]) -> (String, Exit) {
    let mut text = format!("first   {}\nsecond  {}\n\n", tables[0], tables[1]);
    let shown = |extent: Option<Extent>| match extent {
        Some(Extent { rows, first, last, .. }) => format!("{rows} rows, offsets {first} to {last}"),
        None => "no rows".to_owned(),
    };
    let mut different = 0;
    for line in lines {
        let difference = line.difference();
        different += usize::from(difference.is_some());
        let verdict = difference.map_or("same".to_owned(), |difference| format!("differs: {difference}"));
        let (topic, partition) = (&line.topic, line.partition);
        let [one, other] = line.whole.map(shown);
        writeln!(text, "{topic} {partition}\n  first   {one}\n  second  {other}\n  {verdict}")
            .expect("writing to a string does not fail");
    }
    let compared: i64 = lines.iter().filter_map(|line| line.shared[0]).map(|extent| extent.rows).sum();
    match (lines.len(), different) {
        (0, _) => {
            text += "neither table has rows with RECORD_METADATA: there is nothing to compare\n";
            (text, Exit::Failed)
        }
        (partitions, 0) => {
            writeln!(text, "\nno difference in {partitions} partitions, {compared} rows compared")
                .expect("writing to a string does not fail");
            (text, Exit::Done)
        }
        (partitions, different) => {
            writeln!(text, "\n{different} of {partitions} partitions differ").expect("writing to a string does not fail");
            (text, Exit::Failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents(list: &[(i64, i64, i64, i64, i64)]) -> Extents {
        let extent =
            |&(partition, rows, offsets, first, last)| (("t".to_owned(), partition), Extent { rows, offsets, first, last });
        list.iter().map(extent).collect()
    }

    fn table(name: &str) -> TableName {
        parse_table(name, "DB", "PUBLIC").unwrap()
    }

    #[test]
    fn a_table_is_named_with_or_without_its_schema_and_database() {
        let name = |database: &str, schema: &str, table: &str| TableName {
            database: database.to_owned(),
            schema: schema.to_owned(),
            table: table.to_owned(),
        };
        assert_eq!(table("klines"), name("DB", "PUBLIC", "KLINES"));
        assert_eq!(table("raw.\"Klines\""), name("DB", "RAW", "Klines"));
        assert_eq!(table("other.raw.klines"), name("OTHER", "RAW", "KLINES"));
        assert!(parse_table("a.b.c.d", "DB", "PUBLIC").is_err());
        assert!(parse_table("a b", "DB", "PUBLIC").is_err());
    }

    #[test]
    fn a_topic_cannot_end_its_quotes() {
        let sql = query(&table("a"), &[Shared { topic: "x' OR '1'='1".to_owned(), partition: 0, first: 1, last: 2 }]);
        assert!(sql.contains("= 'x'' OR ''1''=''1' AND"), "{sql}");
    }

    #[test]
    fn rows_that_only_one_loader_has_reached_are_no_difference_and_lost_or_doubled_ones_are() {
        let whole = [
            extents(&[(0, 10, 10, 0, 9), (1, 5, 5, 0, 4), (2, 6, 5, 0, 4), (3, 5, 5, 0, 4)]),
            extents(&[(0, 12, 12, 0, 11), (1, 4, 4, 0, 4), (2, 5, 5, 0, 4)]),
        ];
        assert_eq!(shared_ranges(&whole)[0], Shared { topic: "t".to_owned(), partition: 0, first: 0, last: 9 });
        let shared = [
            extents(&[(0, 10, 10, 0, 9), (1, 5, 5, 0, 4), (2, 6, 5, 0, 4)]),
            extents(&[(0, 10, 10, 0, 9), (1, 4, 4, 0, 4), (2, 5, 5, 0, 4)]),
        ];
        let lines = lines(&whole, &shared);
        let differences: Vec<_> = lines.iter().map(Line::difference).collect();
        assert_eq!(
            differences,
            [
                None,
                Some("5 rows against 4 within the offsets that both reach".to_owned()),
                Some("1 rows more than offsets in the first, 0 in the second".to_owned()),
                Some("only in the first".to_owned()),
            ]
        );
        let (text, exit) = report(&lines, [&table("a"), &table("b")]);
        assert_eq!(exit, Exit::Failed);
        assert!(text.ends_with("3 of 4 partitions differ\n"), "{text}");
        let (text, exit) = report(&lines[..1], [&table("a"), &table("b")]);
        assert_eq!(exit, Exit::Done);
        assert!(text.contains("t 0\n  first   10 rows, offsets 0 to 9\n  second  12 rows, offsets 0 to 11\n  same\n"), "{text}");
        assert!(text.ends_with("no difference in 1 partitions, 10 rows compared\n"), "{text}");
    }
}
