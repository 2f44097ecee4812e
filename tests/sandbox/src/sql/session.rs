//! What a statement may leave unsaid: the database, schema, role and warehouse of its session.

use crate::catalog::{PUBLIC, TableName};

use super::error::SqlError;

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) database: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) warehouse: Option<String>,
}

impl Session {
    pub(crate) fn new(user: &str, database: Option<String>, schema: Option<String>) -> Self {
        let schema = schema.or_else(|| database.as_ref().map(|_| PUBLIC.to_owned()));
        Self { user: user.to_owned(), role: "SYSADMIN".to_owned(), database, schema, warehouse: None }
    }

    /// Completes `[[database.]schema.]table`.
    pub(crate) fn table(&self, parts: &[String]) -> Result<TableName, SqlError> {
        let (database, schema, table) = match parts {
            [table] => (self.current_database()?, self.schema.clone().unwrap_or_else(|| PUBLIC.to_owned()), table),
            [schema, table] => (self.current_database()?, schema.clone(), table),
            // `database..table` means the schema PUBLIC.
            [database, schema, table] if schema.is_empty() => (database.clone(), PUBLIC.to_owned(), table),
            [database, schema, table] => (database.clone(), schema.clone(), table),
            _ => return Err(SqlError::syntax("a name has at most three parts")),
        };
        Ok(TableName { database, schema, table: table.clone() })
    }

    /// Completes `[database.]schema`.
    pub(crate) fn schema(&self, parts: &[String]) -> Result<(String, String), SqlError> {
        match parts {
            [schema] => Ok((self.current_database()?, schema.clone())),
            [database, schema] => Ok((database.clone(), schema.clone())),
            _ => Err(SqlError::syntax("a schema's name has at most two parts")),
        }
    }

    fn current_database(&self) -> Result<String, SqlError> {
        self.database.clone().ok_or_else(|| {
            SqlError::new(
                "090105",
                "22000",
                "Cannot perform operation. This session does not have a current database. \
                 Call 'USE DATABASE', or use a qualified name.",
            )
        })
    }
}
