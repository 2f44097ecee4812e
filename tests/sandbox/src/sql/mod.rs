//! SQL in Snowflake's dialect over the rows that were streamed.
//!
//! A statement is read for its first word. DDL, SHOW and USE are read by hand and change the catalogue ([`ddl`], [`show`]); queries
//! and changes of rows are parsed, translated ([`query`], [`relation`], [`change`], [`expr`], [`call`]) and run by an embedded
//! engine ([`engine`]). Results are text or NULL, as every protocol of Snowflake's has them, each with the type that says how to
//! read it.

mod call;
mod change;
pub(crate) mod cursor;
pub(crate) mod datetime;
mod ddl;
pub(crate) mod engine;
pub(crate) mod error;
mod expr;
mod functions;
mod names;
mod query;
mod relation;
pub(crate) mod session;
mod show;
pub(crate) mod types;
mod variant;

use rusqlite::types::Value;
use sqlparser::ast::Statement;
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::Parser;

use crate::world::{World, lock};

use cursor::{Binding, Cursor};
use error::SqlError;
use query::{OutColumn, Translator};
use session::Session;
use types::{NUMBER, SqlType, TEXT};

/// A column of a result, its type settled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResultColumn {
    pub(crate) name: String,
    pub(crate) sql_type: SqlType,
}

/// What kind of statement ran, for the drivers' statement type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Query,
    Insert,
    Update,
    Delete,
    Other,
}

/// The outcome of a statement; timestamps are shown as text.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    pub(crate) columns: Vec<ResultColumn>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Outcome {
    /// One row with one text.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        let columns = vec![ResultColumn { name: "status".to_owned(), sql_type: TEXT }];
        Self { kind: Kind::Other, columns, rows: vec![vec![Some(text.into())]] }
    }

    fn changed(kind: Kind, name: &str, rows: usize) -> Self {
        let columns = vec![ResultColumn { name: name.to_owned(), sql_type: NUMBER }];
        Self { kind, columns, rows: vec![vec![Some(rows.to_string())]] }
    }

    /// Text columns, each cell given.
    pub(crate) fn texts(names: &[&str], rows: Vec<Vec<Option<String>>>) -> Self {
        let columns = names.iter().map(|name| ResultColumn { name: (*name).to_owned(), sql_type: TEXT }).collect();
        Self { kind: Kind::Query, columns, rows }
    }
}

/// Runs one statement.
pub(crate) fn execute(world: &World, session: &mut Session, sql: &str, bindings: &[Binding]) -> Result<Outcome, SqlError> {
    let mut cursor = Cursor::new(sql, bindings)?;
    if cursor.at_end() {
        return Err(SqlError::new("000900", "42601", "SQL compilation error:\nEmpty SQL statement."));
    }
    match cursor.peek_word().as_str() {
        "SELECT" | "WITH" | "INSERT" | "UPDATE" | "DELETE" | "VALUES" | "" => change_or_query(world, session, sql, bindings),
        "SHOW" | "DESCRIBE" | "DESC" => show::run(world, session, &mut cursor),
        _ => ddl::run(world, session, &mut cursor, sql, bindings),
    }
}

fn change_or_query(world: &World, session: &Session, sql: &str, bindings: &[Binding]) -> Result<Outcome, SqlError> {
    let mut statements = Parser::parse_sql(&SnowflakeDialect {}, sql).map_err(|error| {
        let text = error.to_string();
        SqlError::syntax(text.strip_prefix("sql parser error: ").unwrap_or(&text))
    })?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        let message = "Actual statement count 2 did not match the desired statement count 1.";
        return Err(SqlError::new("000008", "0A000", message));
    };
    let mut translator = Translator::new(world, session, bindings);
    match &statement {
        Statement::Query(query) => {
            let (sql, columns) = translator.query(query)?;
            let mut engine = lock(&world.engine);
            engine.load(world, &translator.tables)?;
            let rows = engine.rows(&sql)?;
            drop(engine);
            Ok(result(columns, rows))
        }
        Statement::Insert(insert) => {
            let sql = translator.insert(insert)?;
            run_change(world, &translator, &sql).map(|rows| Outcome::changed(Kind::Insert, "number of rows inserted", rows))
        }
        Statement::Update(update) => {
            let sql = translator.update(update)?;
            run_change(world, &translator, &sql).map(|rows| Outcome::changed(Kind::Update, "number of rows updated", rows))
        }
        Statement::Delete(delete) => {
            let sql = translator.delete(delete)?;
            run_change(world, &translator, &sql).map(|rows| Outcome::changed(Kind::Delete, "number of rows deleted", rows))
        }
        other => Err(SqlError::unsupported(&other.to_string())),
    }
}

fn run_change(world: &World, translator: &Translator<'_>, sql: &str) -> Result<usize, SqlError> {
    let mut engine = lock(&world.engine);
    engine.load(world, &translator.tables)?;
    engine.change(sql)
}

/// Gives every column a type and shows its values.
fn result(columns: Vec<OutColumn>, rows: Vec<Vec<Value>>) -> Outcome {
    let columns: Vec<_> = columns
        .into_iter()
        .enumerate()
        .map(|(index, column)| {
            let sql_type = column.sql_type.unwrap_or_else(|| told_by_values(rows.iter().map(|row| &row[index])));
            ResultColumn { name: column.name, sql_type }
        })
        .collect();
    let rows =
        rows.into_iter().map(|row| row.into_iter().zip(&columns).map(|(value, column)| shown(value, column.sql_type)).collect());
    let rows = rows.collect();
    Outcome { kind: Kind::Query, columns, rows }
}

fn told_by_values<'v>(values: impl Iterator<Item = &'v Value>) -> SqlType {
    let mut told = None;
    for value in values {
        let this = match value {
            Value::Null => continue,
            Value::Integer(_) => NUMBER,
            Value::Real(_) => SqlType::Float,
            Value::Text(_) => TEXT,
            Value::Blob(_) => SqlType::Variant,
        };
        told = match (told, this) {
            (None, this) => Some(this),
            (Some(before), this) if before == this => Some(this),
            (Some(SqlType::Float | SqlType::Number { .. }), SqlType::Float | SqlType::Number { .. }) => Some(SqlType::Float),
            _ => Some(TEXT),
        };
    }
    told.unwrap_or(TEXT)
}

fn shown(value: Value, sql_type: SqlType) -> Option<String> {
    let scale = match sql_type {
        SqlType::Number { scale, .. } => usize::from(scale),
        _ => 0,
    };
    Some(match (value, sql_type) {
        (Value::Null, _) => return None,
        (Value::Integer(integer), SqlType::Boolean) => (integer != 0).to_string(),
        (Value::Integer(integer), _) if scale > 0 => format!("{integer}.{}", "0".repeat(scale)),
        (Value::Integer(integer), _) => integer.to_string(),
        (Value::Real(real), SqlType::Number { .. }) => format!("{real:.scale$}"),
        (Value::Real(real), _) => real.to_string(),
        (Value::Text(text), _) => text,
        (Value::Blob(json_text), _) => String::from_utf8_lossy(&json_text).into_owned(),
    })
}

#[cfg(test)]
mod tests;
