//! The embedded SQL engine and what it holds: one table for each that a statement has touched, brought up to the catalogue before
//! use.
//!
//! Streamed rows stay as they came until somebody asks; then the batches that are new since the last time are taken in, in one
//! transaction. Columns have no type in the engine: what a value is, it says itself (see [`super::variant`]).

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::catalog::{Shape, TableId};
use crate::json;
use crate::rows::Batch;
use crate::world::World;

use super::error::SqlError;
use super::functions;
use super::names::encode;
use super::query::table_name;
use super::variant;

pub(crate) struct Engine {
    db: Connection,
    loaded: HashMap<TableId, Loaded>,
}

/// How far a table is loaded.
#[derive(Debug, Default)]
struct Loaded {
    columns: Vec<String>,
    batches: usize,
}

/// What a table must hold before a statement runs.
struct Wanted {
    id: TableId,
    shape: Arc<Shape>,
    batches: Vec<Arc<Batch>>,
    counted_only: u64,
}

impl Engine {
    pub(crate) fn new() -> rusqlite::Result<Self> {
        let db = Connection::open_in_memory()?;
        // A name in double quotes that is no column must be an error, not a text.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        db.execute_batch("PRAGMA case_sensitive_like = ON")?;
        functions::register(&db)?;
        Ok(Self { db, loaded: HashMap::new() })
    }

    /// Brings tables up to the catalogue.
    pub(crate) fn load(&mut self, world: &World, tables: &[TableId]) -> Result<(), SqlError> {
        for &id in tables {
            let seen = self.loaded.get(&id).map_or(0, |loaded| loaded.batches);
            let wanted = {
                let state = world.settled();
                let Some(table) = state.catalog.table(id) else { continue };
                Wanted {
                    id,
                    shape: table.shape.clone(),
                    batches: table.batches[seen.min(table.batches.len())..].to_vec(),
                    counted_only: table.counted_only,
                }
            };
            if wanted.counted_only > 0 {
                let what = format!("query of a table of which {} rows were only counted (--rows check)", wanted.counted_only);
                return Err(SqlError::unsupported(&what));
            }
            self.bring_up(&wanted).map_err(|error| SqlError::from_engine(&error))?;
        }
        Ok(())
    }

    fn bring_up(&mut self, wanted: &Wanted) -> rusqlite::Result<()> {
        let table = table_name(wanted.id);
        let names: Vec<_> = wanted.shape.columns.iter().map(|column| column.name.clone()).collect();
        let transaction = self.db.transaction()?;
        let loaded = match self.loaded.get_mut(&wanted.id) {
            Some(loaded) => {
                for dropped in loaded.columns.iter().filter(|name| !names.contains(name)) {
                    transaction.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {}", encode(dropped)))?;
                }
                for added in wanted.shape.columns.iter().filter(|column| !loaded.columns.contains(&column.name)) {
                    let default = added.default.as_ref().map(|text| format!(" DEFAULT {text}")).unwrap_or_default();
                    transaction.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {}{default}", encode(&added.name)))?;
                }
                loaded
            }
            None => {
                let columns = wanted.shape.columns.iter().map(|column| {
                    let default = column.default.as_ref().map(|text| format!(" DEFAULT {text}")).unwrap_or_default();
                    encode(&column.name) + &default
                });
                // A table needs a column; one without any cannot be selected from either.
                let columns = columns.collect::<Vec<_>>().join(", ");
                let columns = if columns.is_empty() { "\"^\"".to_owned() } else { columns };
                transaction.execute_batch(&format!("CREATE TABLE {table} ({columns})"))?;
                self.loaded.entry(wanted.id).or_default()
            }
        };
        if !wanted.batches.is_empty() {
            let list = names.iter().map(|name| encode(name)).collect::<Vec<_>>().join(", ");
            let marks = vec!["?"; names.len()].join(", ");
            let mut insert = transaction.prepare(&format!("INSERT INTO {table} ({list}) VALUES ({marks})"))?;
            for line in wanted.batches.iter().flat_map(|batch| batch.lines()) {
                insert.execute(params_from_iter(row_values(line, &wanted.shape)))?;
            }
        }
        transaction.commit()?;
        loaded.columns = names;
        loaded.batches += wanted.batches.len();
        Ok(())
    }

    /// Renames a column where the table is loaded, so that its values stay.
    pub(crate) fn rename_column(&mut self, id: TableId, from: &str, to: &str) -> Result<(), SqlError> {
        let Some(loaded) = self.loaded.get_mut(&id) else { return Ok(()) };
        self.db
            .execute_batch(&format!("ALTER TABLE {} RENAME COLUMN {} TO {}", table_name(id), encode(from), encode(to)))
            .map_err(|error| SqlError::from_engine(&error))?;
        loaded.columns.iter_mut().filter(|name| *name == from).for_each(|name| to.clone_into(name));
        Ok(())
    }

    /// Takes the rows out of a table; its batches must have been emptied before.
    pub(crate) fn truncate(&mut self, id: TableId) -> Result<(), SqlError> {
        if self.loaded.contains_key(&id) {
            self.change(&format!("DELETE FROM {}", table_name(id)))?;
        }
        Ok(())
    }

    /// Runs a query and returns its rows.
    pub(crate) fn rows(&self, sql: &str) -> Result<Vec<Vec<Value>>, SqlError> {
        let failed = |error: rusqlite::Error| SqlError::from_engine(&error);
        let mut statement = self.db.prepare(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut found = Vec::new();
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let cells = (0..columns).map(|index| row.get_ref(index).map(variant::owned)).collect::<Result<Vec<Value>, _>>();
            found.push(cells.map_err(failed)?);
        }
        Ok(found)
    }

    /// Runs a statement that changes rows and returns how many it changed.
    pub(crate) fn change(&self, sql: &str) -> Result<usize, SqlError> {
        self.db.execute(sql, []).map_err(|error| SqlError::from_engine(&error))
    }
}

/// A streamed row as the values of the table's columns.
fn row_values(line: &[u8], shape: &Shape) -> Vec<Value> {
    let mut values = vec![Value::Null; shape.columns.len()];
    let mut nth = 0;
    // The row was checked when it came.
    let _checked = json::members(line, json::ROW_DEPTH, true, |key, value| {
        let name = key.name();
        let is_it = |column: &crate::catalog::Column| column.name.as_bytes().eq_ignore_ascii_case(&name);
        // Rows mostly carry their keys in the order of the columns.
        let expected = shape.columns.get(nth).is_some_and(is_it).then_some(nth);
        if let Some(index) = expected.or_else(|| shape.columns.iter().position(is_it)) {
            let column = &shape.columns[index];
            if value != b"null" || column.sql_type.is_semi_structured() {
                values[index] = variant::load(value, column.sql_type);
            }
        }
        nth += 1;
    });
    values
}
