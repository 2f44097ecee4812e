//! Databases, schemas, tables and columns: what the SQL side creates and the streaming side loads into.
//!
//! Names are held as Snowflake resolved them: an unquoted identifier in upper case, a quoted one as written. The streaming side
//! looks names up without regard to case, for that is how its URIs are read; an exact match wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ledger::TableLedger;
use crate::rows::Batch;
use crate::sql::types::SqlType;

/// Identifies a table's life: a table replaced by another of the same name has another id.
pub(crate) type TableId = u64;

/// The schema every database starts with.
pub(crate) const PUBLIC: &str = "PUBLIC";

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
    pub(crate) default: Option<String>,
    pub(crate) comment: Option<String>,
}

impl Column {
    pub(crate) fn new(name: impl Into<String>, sql_type: SqlType) -> Self {
        Self { name: name.into(), sql_type, nullable: true, default: None, comment: None }
    }
}

/// What the loading of rows needs to know of a table; replaced as a whole when the table changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub(crate) columns: Vec<Column>,
    /// Columns that a row brings along are added.
    pub(crate) evolves: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableName {
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) table: String,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.database, self.schema, self.table)
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) id: TableId,
    pub(crate) name: TableName,
    pub(crate) shape: Arc<Shape>,
    pub(crate) error_logging: bool,
    pub(crate) comment: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) ledger: TableLedger,
    /// Committed rows, as they came over the wire; none when rows are only checked.
    pub(crate) batches: Vec<Arc<Batch>>,
    /// Committed rows that were counted and not kept.
    pub(crate) counted_only: u64,
}

impl Table {
    /// Adds the columns that a batch brought along and forgets NOT NULL where it must; columns another batch added first stay as
    /// they are.
    pub(crate) fn evolve(&mut self, added: &[Column], nullable: &[String]) {
        if added.is_empty() && nullable.is_empty() {
            return;
        }
        let shape = Arc::make_mut(&mut self.shape);
        for column in added {
            if !shape.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&column.name)) {
                shape.columns.push(column.clone());
            }
        }
        for column in &mut shape.columns {
            column.nullable |= nullable.contains(&column.name);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Database to schema to table.
    databases: BTreeMap<String, BTreeMap<String, BTreeMap<String, TableId>>>,
    tables: BTreeMap<TableId, Table>,
    last_id: TableId,
}

impl Catalog {
    pub(crate) fn create_database(&mut self, name: &str) -> bool {
        if self.databases.contains_key(name) {
            return false;
        }
        self.databases.insert(name.to_owned(), BTreeMap::from([(PUBLIC.to_owned(), BTreeMap::new())]));
        true
    }

    /// Nothing when the database is absent, otherwise whether the schema is new.
    pub(crate) fn create_schema(&mut self, database: &str, name: &str) -> Option<bool> {
        let schemas = self.databases.get_mut(database)?;
        let new = !schemas.contains_key(name);
        schemas.entry(name.to_owned()).or_default();
        Some(new)
    }

    pub(crate) fn has_database(&self, name: &str) -> bool {
        self.databases.contains_key(name)
    }

    pub(crate) fn has_schema(&self, database: &str, name: &str) -> bool {
        self.databases.get(database).is_some_and(|schemas| schemas.contains_key(name))
    }

    pub(crate) fn databases(&self) -> impl Iterator<Item = &String> {
        self.databases.keys()
    }

    pub(crate) fn schemas(&self, database: &str) -> Vec<String> {
        self.databases.get(database).map(|schemas| schemas.keys().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn drop_database(&mut self, name: &str) -> bool {
        let Some(schemas) = self.databases.remove(name) else { return false };
        schemas.values().flat_map(BTreeMap::values).for_each(|id| {
            self.tables.remove(id);
        });
        true
    }

    pub(crate) fn drop_schema(&mut self, database: &str, name: &str) -> bool {
        let Some(tables) = self.databases.get_mut(database).and_then(|schemas| schemas.remove(name)) else { return false };
        tables.values().for_each(|id| {
            self.tables.remove(id);
        });
        true
    }

    /// Creates a table, taking the place of one that has its name. The schema must exist.
    pub(crate) fn create_table(
        &mut self,
        name: TableName,
        shape: Shape,
        error_logging: bool,
        comment: Option<String>,
    ) -> Option<TableId> {
        let tables = self.databases.get_mut(&name.database)?.get_mut(&name.schema)?;
        self.last_id += 1;
        if let Some(replaced) = tables.insert(name.table.clone(), self.last_id) {
            self.tables.remove(&replaced);
        }
        let table = Table {
            id: self.last_id,
            name,
            shape: Arc::new(shape),
            error_logging,
            comment,
            created_ms: crate::world::now_ms(),
            ledger: TableLedger::default(),
            batches: Vec::new(),
            counted_only: 0,
        };
        self.tables.insert(self.last_id, table);
        Some(self.last_id)
    }

    pub(crate) fn drop_table(&mut self, name: &TableName) -> bool {
        let tables = self.databases.get_mut(&name.database).and_then(|schemas| schemas.get_mut(&name.schema));
        match tables.and_then(|tables| tables.remove(&name.table)) {
            Some(id) => self.tables.remove(&id).is_some(),
            None => false,
        }
    }

    pub(crate) fn rename_table(&mut self, from: &TableName, to: &TableName) -> bool {
        if self.find(to).is_some() || !self.has_schema(&to.database, &to.schema) {
            return false;
        }
        let Some(id) = self.find(from).map(|table| table.id) else { return false };
        if let Some(tables) = self.databases.get_mut(&from.database).and_then(|schemas| schemas.get_mut(&from.schema)) {
            tables.remove(&from.table);
        }
        if let Some(tables) = self.databases.get_mut(&to.database).and_then(|schemas| schemas.get_mut(&to.schema)) {
            tables.insert(to.table.clone(), id);
        }
        if let Some(table) = self.tables.get_mut(&id) {
            table.name = to.clone();
        }
        true
    }

    pub(crate) fn find(&self, name: &TableName) -> Option<&Table> {
        let id = self.databases.get(&name.database)?.get(&name.schema)?.get(&name.table)?;
        self.tables.get(id)
    }

    pub(crate) fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(&id)
    }

    pub(crate) fn table_mut(&mut self, id: TableId) -> Option<&mut Table> {
        self.tables.get_mut(&id)
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// As a URI names a table: an exact match first, then one that differs in case only.
    pub(crate) fn find_by_uri(&self, database: &str, schema: &str, table: &str) -> Option<&Table> {
        fn pick<'a, T>(map: &'a BTreeMap<String, T>, name: &str) -> Option<&'a T> {
            map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        }
        let id = pick(pick(pick(&self.databases, database)?, schema)?, table)?;
        self.tables.get(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(table: &str) -> TableName {
        TableName { database: "D".to_owned(), schema: PUBLIC.to_owned(), table: table.to_owned() }
    }

    #[test]
    fn a_replaced_table_is_another_table() {
        let mut catalog = Catalog::default();
        assert!(catalog.create_database("D"));
        let shape = Shape { columns: Vec::new(), evolves: false };
        let first = catalog.create_table(name("T"), shape.clone(), false, None).unwrap();
        let second = catalog.create_table(name("T"), shape, false, None).unwrap();
        assert_ne!(first, second);
        assert!(catalog.table(first).is_none());
    }

    #[test]
    fn a_uri_finds_the_exact_name_before_one_in_another_case() {
        let mut catalog = Catalog::default();
        catalog.create_database("D");
        let shape = Shape { columns: Vec::new(), evolves: false };
        let upper = catalog.create_table(name("T"), shape.clone(), false, None).unwrap();
        let lower = catalog.create_table(name("t"), shape, false, None).unwrap();
        assert_eq!(catalog.find_by_uri("d", "public", "t").unwrap().id, lower);
        assert_eq!(catalog.find_by_uri("D", "PUBLIC", "T").unwrap().id, upper);
        assert!(catalog.find_by_uri("D", "PUBLIC", "U").is_none());
    }
}
