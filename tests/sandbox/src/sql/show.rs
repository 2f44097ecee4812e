//! What there is: SHOW, DESCRIBE and the information schema.

use sqlparser::tokenizer::Token;

use crate::catalog::{Catalog, Table};
use crate::world::World;

use super::Outcome;
use super::cursor::Cursor;
use super::datetime::Moment;
use super::error::SqlError;
use super::names::{encode, literal};
use super::query::OutColumn;
use super::session::Session;
use super::types::TEXT;

type Result<T> = std::result::Result<T, SqlError>;
type Row = Vec<Option<String>>;

pub(crate) fn run(world: &World, session: &Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    let first = cursor.peek_word();
    cursor.takes(&first);
    if first != "SHOW" {
        if cursor.takes("USER") {
            return Ok(Outcome::texts(
                &["property", "value", "default", "description"],
                vec![row(["NAME", &session.user, "", "Name"])],
            ));
        }
        cursor.takes("TABLE");
        return describe_table(world, session, cursor);
    }
    cursor.takes("TERSE");
    let kind = cursor.peek_word();
    cursor.takes(&kind);
    match kind.as_str() {
        "TABLES" | "OBJECTS" => show_tables(world, session, cursor),
        "COLUMNS" => show_columns(world, session, cursor),
        "DATABASES" => {
            let filter = Filter::read(cursor)?;
            let state = world.settled();
            let rows =
                state.catalog.databases().filter(|name| filter.admits(name)).map(|name| row(["", name, "N", "SYSADMIN"])).collect();
            Ok(Outcome::texts(&["created_on", "name", "is_default", "owner"], rows))
        }
        "SCHEMAS" => {
            let filter = Filter::read(cursor)?;
            let database = filter.within.first().or(session.database.as_ref()).cloned().unwrap_or_default();
            let state = world.settled();
            if !state.catalog.databases().any(|name| *name == database) {
                return Err(SqlError::no_place());
            }
            let names = state.catalog.schemas(&database).into_iter().filter(|name| filter.admits(name));
            let rows = names.map(|name| row(["", &name, &database, "SYSADMIN"])).collect();
            Ok(Outcome::texts(&["created_on", "name", "database_name", "owner"], rows))
        }
        "CHANNELS" => show_channels(world),
        "GRANTS" => show_grants(session, cursor),
        "WAREHOUSES" | "ROLES" | "USERS" | "PIPES" | "STAGES" | "VIEWS" | "STREAMS" | "TASKS" => {
            Ok(Outcome::texts(&["created_on", "name"], Vec::new()))
        }
        "PARAMETERS" | "VARIABLES" => Ok(Outcome::texts(&["key", "value", "default", "level", "description"], Vec::new())),
        _ => Err(SqlError::unsupported(&format!("SHOW {kind}"))),
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Row {
    cells.iter().map(|cell| Some((*cell).to_owned())).collect()
}

/// `LIKE '…' IN … STARTS WITH '…' LIMIT n`, whichever are there.
#[derive(Default)]
struct Filter {
    like: Option<String>,
    starts_with: Option<String>,
    /// What stands after IN: `TABLE`, `SCHEMA`, `DATABASE`, `ACCOUNT` or nothing, and a name.
    scope: String,
    within: Vec<String>,
    limit: Option<u32>,
}

impl Filter {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self> {
        let mut filter = Self::default();
        cursor.takes("HISTORY");
        while !cursor.at_end() {
            if cursor.takes("LIKE") {
                filter.like = Some(cursor.string()?);
            } else if cursor.takes("IN") {
                filter.scope = ["TABLE", "VIEW", "SCHEMA", "DATABASE", "ACCOUNT"]
                    .into_iter()
                    .find(|kind| cursor.takes(kind))
                    .unwrap_or_default()
                    .to_owned();
                if filter.scope != "ACCOUNT" && !cursor.at_end() {
                    filter.within = cursor.name()?;
                }
            } else if cursor.takes("STARTS WITH") {
                filter.starts_with = Some(cursor.string()?);
            } else if cursor.takes("LIMIT") {
                filter.limit = Some(cursor.number()?);
            } else {
                return Err(cursor.unexpected());
            }
        }
        Ok(filter)
    }

    fn admits(&self, name: &str) -> bool {
        self.like.as_ref().is_none_or(|pattern| like(pattern.as_bytes(), name.as_bytes()))
            && self.starts_with.as_ref().is_none_or(|prefix| name.starts_with(prefix))
    }
}

/// SHOW's LIKE, without regard to case.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'%', rest)), _) => like(rest, text) || text.split_first().is_some_and(|(_, text)| like(pattern, text)),
        (Some((b'\\', [escaped, rest @ ..])), Some((c, text))) => escaped.eq_ignore_ascii_case(c) && like(rest, text),
        (Some((b'_', rest)), Some((_, text))) => like(rest, text),
        (Some((p, rest)), Some((c, text))) => p.eq_ignore_ascii_case(c) && like(rest, text),
        _ => false,
    }
}

fn show_tables(world: &World, session: &Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    const NAMES: [&str; 14] = [
        "created_on",
        "name",
        "database_name",
        "schema_name",
        "kind",
        "comment",
        "cluster_by",
        "rows",
        "bytes",
        "owner",
        "retention_time",
        "enable_schema_evolution",
        "error_logging",
        "owner_role_type",
    ];
    let filter = Filter::read(cursor)?;
    let state = world.settled();
    let (database, schema) = match (filter.scope.as_str(), filter.within.as_slice()) {
        ("ACCOUNT", _) => (None, None),
        ("DATABASE", [database]) => (Some(database.clone()), None),
        ("DATABASE", _) => (session.database.clone(), None),
        (_, []) => (session.database.clone(), session.schema.clone()),
        (_, parts) => session.schema(parts).map(|(database, schema)| (Some(database), Some(schema)))?,
    };
    if let Some(database) = &database {
        let is_there = state.catalog.databases().any(|name| name == database)
            && schema.as_ref().is_none_or(|schema| state.catalog.schemas(database).iter().any(|name| name == schema));
        if !is_there {
            return Err(SqlError::no_place());
        }
    }
    let found = state.catalog.tables().filter(|table| {
        database.as_ref().is_none_or(|name| table.name.database == *name)
            && schema.as_ref().is_none_or(|name| table.name.schema == *name)
            && filter.admits(&table.name.table)
    });
    let mut rows: Vec<Row> = found
        .map(|table| {
            let yes_no = |on: bool| if on { "Y" } else { "N" };
            row([
                &shown_ms(table.created_ms),
                &table.name.table,
                &table.name.database,
                &table.name.schema,
                "TABLE",
                table.comment.as_deref().unwrap_or(""),
                "",
                &table.ledger.rows().to_string(),
                "0",
                "SYSADMIN",
                "1",
                yes_no(table.shape.evolves),
                yes_no(table.error_logging),
                "ROLE",
            ])
        })
        .collect();
    rows.sort_by(|a, b| a[1..4].cmp(&b[1..4]));
    rows.truncate(filter.limit.map_or(usize::MAX, |limit| limit as usize));
    Ok(Outcome::texts(&NAMES, rows))
}

fn shown_ms(ms: i64) -> String {
    Moment::from_nanos(i128::from(ms) * 1_000_000).to_string()
}

fn describe_table(world: &World, session: &Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    const NAMES: [&str; 10] =
        ["name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment"];
    let name = session.table(&cursor.name()?)?;
    cursor.takes("TYPE");
    cursor.takes_token(&Token::Eq);
    cursor.takes("COLUMNS");
    cursor.expect_end()?;
    let state = world.settled();
    let table = state.catalog.find(&name).ok_or_else(|| SqlError::no_object("Table", &name.to_string()))?;
    let rows = table.shape.columns.iter().map(|column| {
        let null = if column.nullable { "Y" } else { "N" };
        let mut cells = row([&column.name, &column.sql_type.shown(), "COLUMN", null]);
        cells.extend([column.default.clone(), Some("N".to_owned()), Some("N".to_owned()), None, None, column.comment.clone()]);
        cells
    });
    Ok(Outcome::texts(&NAMES, rows.collect()))
}

fn show_columns(world: &World, session: &Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    const NAMES: [&str; 9] =
        ["table_name", "schema_name", "column_name", "data_type", "null?", "default", "kind", "comment", "database_name"];
    let filter = Filter::read(cursor)?;
    let state = world.settled();
    let tables: Vec<&Table> = if filter.within.is_empty() || !matches!(filter.scope.as_str(), "TABLE" | "") {
        let in_schema = |table: &&Table| {
            Some(&table.name.database) == session.database.as_ref() && Some(&table.name.schema) == session.schema.as_ref()
        };
        state.catalog.tables().filter(in_schema).collect()
    } else {
        let name = session.table(&filter.within)?;
        vec![state.catalog.find(&name).ok_or_else(|| SqlError::no_object("Table", &name.to_string()))?]
    };
    let mut rows = Vec::new();
    for table in tables {
        for column in table.shape.columns.iter().filter(|column| filter.admits(&column.name)) {
            let mut described = column.sql_type.describe(&column.name, column.nullable);
            described["type"] = described["type"].as_str().unwrap_or_default().to_uppercase().into();
            rows.push(row([
                &table.name.table,
                &table.name.schema,
                &column.name,
                &described.to_string(),
                if column.nullable { "true" } else { "NOT_NULL" },
                column.default.as_deref().unwrap_or(""),
                "COLUMN",
                column.comment.as_deref().unwrap_or(""),
                &table.name.database,
            ]));
        }
    }
    Ok(Outcome::texts(&NAMES, rows))
}

fn show_channels(world: &World) -> Result<Outcome> {
    const NAMES: [&str; 7] = ["created_on", "name", "database_name", "schema_name", "pipe_name", "offset_token", "rows_inserted"];
    let state = world.settled();
    let rows = state.channels.values().map(|channel| {
        let mut cells = row([&shown_ms(channel.created_ms), &channel.name, &channel.database, &channel.schema, &channel.pipe]);
        cells.extend([channel.committed_token.clone(), Some(channel.counts.rows_committed.to_string())]);
        cells
    });
    Ok(Outcome::texts(&NAMES, rows.collect()))
}

/// The session's role owns everything.
fn show_grants(session: &Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    const NAMES: [&str; 8] =
        ["created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by"];
    if !cursor.takes("ON") {
        return Ok(Outcome::texts(&NAMES, Vec::new()));
    }
    let kind = cursor.ident()?;
    let name = cursor.name()?.join(".");
    Ok(Outcome::texts(&NAMES, vec![row(["", "OWNERSHIP", &kind, &name, "ROLE", &session.role, "true", "ACCOUNTADMIN"])]))
}

/// A view of the information schema as a query of constants, with its columns.
pub(crate) fn information_schema(catalog: &Catalog, database: &str, view: &str) -> Result<(String, Vec<OutColumn>)> {
    let (names, rows): (Vec<&str>, Vec<Row>) = match view {
        "TABLES" => (
            vec!["TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE", "ROW_COUNT"],
            catalog
                .tables()
                .filter(|table| table.name.database == database)
                .map(|table| row([database, &table.name.schema, &table.name.table, "BASE TABLE", &table.ledger.rows().to_string()]))
                .collect(),
        ),
        "COLUMNS" => (
            vec!["TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "ORDINAL_POSITION", "IS_NULLABLE", "DATA_TYPE"],
            catalog
                .tables()
                .filter(|table| table.name.database == database)
                .flat_map(|table| {
                    table.shape.columns.iter().enumerate().map(|(nth, column)| {
                        let nullable = if column.nullable { "YES" } else { "NO" };
                        let shown = column.sql_type.shown();
                        let data_type = shown.split('(').next().unwrap_or_default().replace("VARCHAR", "TEXT");
                        row([
                            database,
                            &table.name.schema,
                            &table.name.table,
                            &column.name,
                            &(nth + 1).to_string(),
                            nullable,
                            &data_type,
                        ])
                    })
                })
                .collect(),
        ),
        "SCHEMATA" => {
            (vec!["CATALOG_NAME", "SCHEMA_NAME"], catalog.schemas(database).iter().map(|schema| row([database, schema])).collect())
        }
        _ => return Err(SqlError::no_object("Object", &format!("{database}.INFORMATION_SCHEMA.{view}"))),
    };
    let selects = rows.iter().map(|cells| {
        let cell = |(name, cell): (&&str, &Option<String>)| {
            format!("{} AS {}", cell.as_ref().map_or("NULL".to_owned(), |text| literal(text)), encode(name))
        };
        format!("SELECT {}", names.iter().zip(cells).map(cell).collect::<Vec<_>>().join(", "))
    });
    // One row that is not there gives the columns their names even when there are no others.
    let none = names.iter().map(|name| format!("NULL AS {}", encode(name))).collect::<Vec<_>>().join(", ");
    let parts: Vec<_> = std::iter::once(format!("SELECT {none} WHERE 0")).chain(selects).collect();
    let columns = names.iter().map(|name| OutColumn { name: (*name).to_owned(), sql_type: Some(TEXT) }).collect();
    Ok((format!("({})", parts.join(" UNION ALL ")), columns))
}
