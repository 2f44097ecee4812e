//! The SQL statements that Snowgate sends: it creates tables and looks at them, nothing else.
//!
//! None of them needs a warehouse. Every name is written with its database and schema and in quotes, so that no default of the user
//! or the session can send it elsewhere.

use std::fmt;

use crate::client::StatementResult;
use crate::names::quote_identifier;
use crate::row::RowMode;

/// Where Snowgate came from, for whoever finds the table.
const COMMENT: &str = "created by Snowgate";

/// A table and where it is. Names are as Snowflake stores them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    pub database: String,
    pub schema: String,
    pub table: String,
}

impl TableName {
    /// As statements write it.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quoted_schema(&self.database, &self.schema), quote_identifier(&self.table))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}.{}.{}`", self.database, self.schema, self.table)
    }
}

fn quoted_schema(database: &str, schema: &str) -> String {
    format!("{}.{}", quote_identifier(database), quote_identifier(schema))
}

/// Creates the table for rows of `mode`; does nothing where it exists.
pub fn create_table_if_not_exists(table: &TableName, mode: RowMode) -> String {
    let name = table.quoted();
    match mode {
        RowMode::Content => {
            format!("CREATE TABLE IF NOT EXISTS {name} (RECORD_METADATA VARIANT, RECORD_CONTENT VARIANT) COMMENT = '{COMMENT}'")
        }
        // Snowflake adds a column for each field it has not seen yet, and keeps a row whose value does not fit its column aside.
        RowMode::Columns => format!(
            "CREATE TABLE IF NOT EXISTS {name} (RECORD_METADATA VARIANT) \
             ENABLE_SCHEMA_EVOLUTION = TRUE ERROR_LOGGING = TRUE COMMENT = '{COMMENT}'"
        ),
    }
}

/// Describes the table, column by column; fails where it does not exist or the role may not see it.
pub fn describe_table(table: &TableName) -> String {
    format!("DESCRIBE TABLE {}", table.quoted())
}

/// Succeeds where the database exists and the role may use it.
pub fn look_into_database(database: &str) -> String {
    format!("SHOW SCHEMAS IN DATABASE {} LIMIT 1", quote_identifier(database))
}

/// Succeeds where the schema exists and the role may use it.
pub fn look_into_schema(database: &str, schema: &str) -> String {
    format!("SHOW TABLES IN SCHEMA {} LIMIT 1", quoted_schema(database, schema))
}

/// What is wrong with an existing table for rows of `mode`, from what [`describe_table`] answered.
pub fn unfit_columns(described: &StatementResult, mode: RowMode) -> Option<String> {
    let needed: &[&str] = match mode {
        RowMode::Content => &["RECORD_METADATA", "RECORD_CONTENT"],
        RowMode::Columns => &["RECORD_METADATA"],
    };
    let texts = |column: &str| -> Vec<String> {
        described
            .column(column)
            .map(|values| values.map(|value| value.unwrap_or_default().to_owned()).collect())
            .unwrap_or_default()
    };
    let (names, types, nullable) = (texts("name"), texts("type"), texts("null?"));
    for column in needed {
        match names.iter().position(|name| name == column) {
            None => return Some(format!("it has no column `{column}`")),
            Some(at) if types.get(at).is_some_and(|kind| !kind.eq_ignore_ascii_case("VARIANT")) => {
                return Some(format!("its column `{column}` is not of type VARIANT"));
            }
            Some(_) => {}
        }
    }
    // A row of `content` fills these two and leaves the rest NULL.
    let others = names.iter().zip(&nullable).filter(|(name, _)| !needed.contains(&name.as_str()));
    let mut refusing = others.filter(|(_, nullable)| mode == RowMode::Content && nullable.eq_ignore_ascii_case("N"));
    refusing.next().map(|(name, _)| format!("its column `{name}` does not allow NULL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableName {
        TableName { database: "CRYPTO_DB".to_owned(), schema: "PUBLIC".to_owned(), table: "BINANCE_KLINE".to_owned() }
    }

    fn described(columns: &[(&str, &str, &str)]) -> StatementResult {
        StatementResult {
            message: None,
            columns: ["name", "type", "kind", "null?"].map(str::to_owned).to_vec(),
            rows: columns
                .iter()
                .map(|(name, kind, nullable)| [name, kind, &"COLUMN", nullable].map(|text| Some((*text).to_owned())).to_vec())
                .collect(),
        }
    }

    #[test]
    fn statements_name_the_table_in_full() {
        assert_eq!(
            create_table_if_not_exists(&table(), RowMode::Content),
            "CREATE TABLE IF NOT EXISTS \"CRYPTO_DB\".\"PUBLIC\".\"BINANCE_KLINE\" \
             (RECORD_METADATA VARIANT, RECORD_CONTENT VARIANT) COMMENT = 'created by Snowgate'"
        );
        assert_eq!(
            create_table_if_not_exists(&table(), RowMode::Columns),
            "CREATE TABLE IF NOT EXISTS \"CRYPTO_DB\".\"PUBLIC\".\"BINANCE_KLINE\" \
             (RECORD_METADATA VARIANT) ENABLE_SCHEMA_EVOLUTION = TRUE ERROR_LOGGING = TRUE COMMENT = 'created by Snowgate'"
        );
        assert_eq!(describe_table(&table()), "DESCRIBE TABLE \"CRYPTO_DB\".\"PUBLIC\".\"BINANCE_KLINE\"");
        assert_eq!(look_into_schema("CRYPTO_DB", "PUBLIC"), "SHOW TABLES IN SCHEMA \"CRYPTO_DB\".\"PUBLIC\" LIMIT 1");
    }

    #[test]
    fn a_name_cannot_end_its_quotes() {
        let table = TableName { table: "x\"; DROP TABLE y; --".to_owned(), ..table() };
        assert_eq!(describe_table(&table), "DESCRIBE TABLE \"CRYPTO_DB\".\"PUBLIC\".\"x\"\"; DROP TABLE y; --\"");
    }

    #[test]
    fn an_existing_table_must_take_the_rows() {
        let fine = [("RECORD_METADATA", "VARIANT", "Y"), ("RECORD_CONTENT", "VARIANT", "Y"), ("NOTE", "VARCHAR(16777216)", "Y")];
        assert_eq!(unfit_columns(&described(&fine), RowMode::Content), None);
        assert_eq!(unfit_columns(&described(&fine[..1]), RowMode::Columns), None);
        assert_eq!(unfit_columns(&described(&fine[..1]), RowMode::Content).unwrap(), "it has no column `RECORD_CONTENT`");
        let text = [("RECORD_METADATA", "VARIANT", "Y"), ("RECORD_CONTENT", "VARCHAR(10)", "Y")];
        assert_eq!(
            unfit_columns(&described(&text), RowMode::Content).unwrap(),
            "its column `RECORD_CONTENT` is not of type VARIANT"
        );
        let strict = [("RECORD_METADATA", "VARIANT", "Y"), ("RECORD_CONTENT", "VARIANT", "Y"), ("ID", "NUMBER(38,0)", "N")];
        assert_eq!(unfit_columns(&described(&strict), RowMode::Content).unwrap(), "its column `ID` does not allow NULL");
        assert_eq!(unfit_columns(&described(&strict[..2]), RowMode::Columns), None);
    }
}
