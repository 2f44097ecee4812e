//! `snowgate-sandbox query` and `ledger`: ask a running stand-in and print what it answers.

use serde_json::{Value, json};

use crate::cli::{LedgerArgs, QueryArgs};
use crate::serve::say;

/// A cell longer than this is cut in a table.
const WIDEST_CELL: usize = 60;

pub(crate) fn query(args: &QueryArgs) -> Result<(), String> {
    let answer = ask(&args.url, "/sandbox/query", Some(&json!({"sql": args.sql})))?;
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|cell| cell.as_str().unwrap_or("NULL").to_owned()).collect()
    };
    let header = texts(&answer["columns"]);
    let rows: Vec<_> = answer["rows"].as_array().into_iter().flatten().map(texts).collect();
    say(&table(&header, &rows));
    Ok(())
}

pub(crate) fn ledger(args: &LedgerArgs) -> Result<(), String> {
    let answer = ask(&args.url, "/sandbox/ledger", None)?;
    if args.json {
        say(&format!("{answer:#}"));
        return Ok(());
    }
    let header = ["table", "topic", "partition", "rows", "offsets", "first", "last", "missing", "doubled", "out of order"]
        .map(str::to_owned);
    let mut rows = Vec::new();
    for one in answer["tables"].as_array().into_iter().flatten() {
        for partition in one["ledger"]["partitions"].as_array().into_iter().flatten() {
            let keys = ["topic", "partition", "rows", "distinct", "min", "max", "missing", "duplicates", "out_of_order"];
            let cells = keys.map(|key| partition[key].as_str().map_or_else(|| partition[key].to_string(), str::to_owned));
            rows.push([&[plain(&one["table"])], &cells[..]].concat());
        }
        let unnamed = &one["ledger"]["rows_without_metadata"];
        if unnamed.as_u64().is_some_and(|rows| rows > 0) {
            let mut cells = vec![String::new(); header.len()];
            cells[0] = plain(&one["table"]);
            cells[1] = "(no metadata)".to_owned();
            cells[3] = unnamed.to_string();
            rows.push(cells);
        }
    }
    say(&table(&header, &rows));
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Asks a running stand-in; a refusal is an error with its message.
pub(crate) fn ask(url: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let url = format!("{}{path}", url.trim_end_matches('/'));
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answered = match body {
        Some(body) => agent.post(&url).header("content-type", "application/json").send(body.to_string()),
        None => agent.get(&url).call(),
    };
    let mut answer = answered.map_err(|error| format!("could not reach `{url}`: {error}"))?;
    let ok = answer.status().is_success();
    let text = answer
        .body_mut()
        .with_config()
        .limit(u64::MAX)
        .read_to_string()
        .map_err(|error| format!("no whole answer from `{url}`: {error}"))?;
    let value: Value = serde_json::from_str(&text).map_err(|_| format!("`{url}` did not answer with JSON"))?;
    if ok { Ok(value) } else { Err(value["message"].as_str().unwrap_or("the stand-in refused").to_owned()) }
}

/// A table with a header, cells cut where they would be too wide.
fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let cut = |cell: &String| -> String {
        let flat = cell.replace('\n', " ");
        if flat.chars().count() <= WIDEST_CELL { flat } else { flat.chars().take(WIDEST_CELL - 1).chain(['…']).collect() }
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(header.to_vec()).chain(rows.iter().cloned()).map(|row| row.iter().map(cut).collect()).collect();
    let widths: Vec<_> = (0..header.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  ");
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.insert(1, rule);
    lines.push(format!("({} {})", rows.len() - 1, if rows.len() == 2 { "row" } else { "rows" }));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_its_columns_up() {
        let header = ["A", "LONGER"].map(str::to_owned);
        let shown = table(&header, &[vec!["1234".to_owned(), "x".to_owned()]]);
        assert_eq!(shown, "A     LONGER\n────  ──────\n1234  x\n(1 row)");
    }
}
