//! Statements that change the catalogue or the session: CREATE, DROP, ALTER, TRUNCATE, USE, and those that the stand-in has nothing
//! to do for.

use std::sync::Arc;

use sqlparser::tokenizer::Token;

use crate::catalog::{Column, PUBLIC, Shape, Table, TableName};
use crate::world::{World, lock};

use super::cursor::{Binding, Cursor};
use super::error::SqlError;
use super::session::Session;
use super::{Outcome, execute};

type Result<T> = std::result::Result<T, SqlError>;

const DONE: &str = "Statement executed successfully.";

pub(crate) fn run(
    world: &World,
    session: &mut Session,
    cursor: &mut Cursor<'_>,
    sql: &str,
    bindings: &[Binding],
) -> Result<Outcome> {
    let first = cursor.peek_word();
    cursor.takes(&first);
    match first.as_str() {
        "CREATE" => create(world, session, cursor, sql, bindings),
        "DROP" => drop_object(world, session, cursor),
        "ALTER" => alter(world, session, cursor),
        "TRUNCATE" => truncate(world, session, cursor),
        "USE" => use_object(world, session, cursor),
        "GRANT" | "REVOKE" | "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SET" | "UNSET" | "COMMENT" => Ok(Outcome::message(DONE)),
        _ => Err(SqlError::syntax(&format!("line 1 at position 0 unexpected '{}'.", first.to_lowercase()))),
    }
}

fn create(world: &World, session: &mut Session, cursor: &mut Cursor<'_>, sql: &str, bindings: &[Binding]) -> Result<Outcome> {
    let replace = cursor.takes("OR REPLACE");
    for word in ["TRANSIENT", "TEMPORARY", "TEMP", "LOCAL", "VOLATILE"] {
        cursor.takes(word);
    }
    let kind = cursor.peek_word();
    cursor.takes(&kind);
    let mut if_absent = cursor.takes("IF NOT EXISTS");
    match kind.as_str() {
        "DATABASE" => {
            let name = cursor.ident()?;
            let mut state = lock(&world.state);
            if replace {
                state.catalog.drop_database(&name);
            }
            if state.catalog.create_database(&name) {
                session.database = Some(name.clone());
                session.schema = Some(PUBLIC.to_owned());
                Ok(Outcome::message(format!("Database {name} successfully created.")))
            } else {
                existing(&name, if_absent)
            }
        }
        "SCHEMA" => {
            let (database, name) = session.schema(&cursor.name()?)?;
            let mut state = lock(&world.state);
            if replace {
                state.catalog.drop_schema(&database, &name);
            }
            match state.catalog.create_schema(&database, &name) {
                None => Err(SqlError::no_object("Database", &database)),
                Some(false) => existing(&name, if_absent),
                Some(true) => {
                    session.database = Some(database);
                    session.schema = Some(name.clone());
                    Ok(Outcome::message(format!("Schema {name} successfully created.")))
                }
            }
        }
        "TABLE" => {
            let name = session.table(&cursor.name()?)?;
            if_absent |= cursor.takes("IF NOT EXISTS");
            create_table(world, session, cursor, &name, replace, if_absent, (sql, bindings))
        }
        _ => Err(SqlError::unsupported(&format!("CREATE {kind}"))),
    }
}

fn existing(name: &str, if_absent: bool) -> Result<Outcome> {
    if if_absent {
        Ok(Outcome::message(format!("{name} already exists, statement succeeded.")))
    } else {
        Err(SqlError::exists(name))
    }
}

fn create_table(
    world: &World,
    session: &mut Session,
    cursor: &mut Cursor<'_>,
    name: &TableName,
    replace: bool,
    if_absent: bool,
    (sql, bindings): (&str, &[Binding]),
) -> Result<Outcome> {
    let mut shape = Shape { columns: Vec::new(), evolves: false };
    let mut from = None;
    if cursor.takes_token(&Token::LParen) {
        columns(cursor, &mut shape.columns)?;
    } else if cursor.takes("LIKE") || cursor.takes("CLONE") {
        from = Some(session.table(&cursor.name()?)?);
    }
    let (mut error_logging, mut comment, mut query) = (false, None, None);
    while !cursor.at_end() {
        let option = cursor.ident()?;
        match option.as_str() {
            "AS" => {
                // The rest of the statement is the query; it starts at the first SELECT or WITH after AS.
                let upper = sql.to_uppercase();
                let at = [" AS SELECT", " AS WITH", " AS\nSELECT", " AS ("].iter().filter_map(|text| upper.find(text)).min();
                query = Some(&sql[at.ok_or_else(|| SqlError::syntax("unexpected 'as'."))? + 4..]);
                break;
            }
            "CLUSTER" => {
                cursor.takes("BY");
                cursor.skip_value();
            }
            _ => {
                cursor.takes_token(&Token::Eq);
                let value = cursor.skip_value();
                match option.as_str() {
                    "ENABLE_SCHEMA_EVOLUTION" => shape.evolves = value.eq_ignore_ascii_case("true"),
                    "ERROR_LOGGING" => error_logging = value.eq_ignore_ascii_case("true"),
                    "COMMENT" => comment = Some(value.trim_matches('\'').to_owned()),
                    _ => {}
                }
            }
        }
    }
    let selected = match query {
        Some(query) => Some(execute(world, session, query, bindings)?),
        None => None,
    };
    if let Some(selected) = &selected {
        shape.columns = selected.columns.iter().map(|column| Column::new(&column.name, column.sql_type)).collect();
    }
    {
        let mut state = lock(&world.state);
        require_schema(&state.catalog, name)?;
        if state.catalog.find(name).is_some() && !replace {
            return existing(&name.table, if_absent);
        }
        if let Some(from) = &from {
            shape = (*state.catalog.find(from).ok_or_else(|| SqlError::no_object("Table", &from.to_string()))?.shape).clone();
        }
        if shape.columns.is_empty() {
            return Err(SqlError::syntax("a table needs a column"));
        }
        state.catalog.create_table(name.clone(), shape, error_logging, comment);
    }
    if let Some(selected) = selected.filter(|selected| !selected.rows.is_empty()) {
        fill(world, session, name, &selected)?;
    }
    Ok(Outcome::message(format!("Table {} successfully created.", name.table)))
}

/// Puts the rows of a query into a new table, by way of literals that are cast to the columns' types.
fn fill(world: &World, session: &mut Session, name: &TableName, selected: &Outcome) -> Result<()> {
    let cell = |cell: &Option<String>| {
        cell.as_ref().map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")))
    };
    let values = selected.rows.iter().map(|row| format!("({})", row.iter().map(cell).collect::<Vec<_>>().join(", ")));
    let columns: Vec<_> = (1..=selected.columns.len())
        .zip(&selected.columns)
        .map(
            |(nth, column)| {
                if column.sql_type.is_semi_structured() { format!("parse_json(column{nth})") } else { format!("column{nth}") }
            },
        )
        .collect();
    let quoted = [&name.database, &name.schema, &name.table].map(|part| format!("\"{}\"", part.replace('"', "\"\""))).join(".");
    let values = values.collect::<Vec<_>>().join(", ");
    execute(world, session, &format!("INSERT INTO {quoted} SELECT {} FROM (VALUES {values})", columns.join(", ")), &[]).map(|_| ())
}

fn require_schema(catalog: &crate::catalog::Catalog, name: &TableName) -> Result<()> {
    if !catalog.has_database(&name.database) {
        return Err(SqlError::no_object("Database", &name.database));
    }
    if !catalog.has_schema(&name.database, &name.schema) {
        return Err(SqlError::no_object("Schema", &format!("{}.{}", name.database, name.schema)));
    }
    Ok(())
}

/// The columns of a CREATE TABLE, after the opening parenthesis.
fn columns(cursor: &mut Cursor<'_>, columns: &mut Vec<Column>) -> Result<()> {
    loop {
        if matches!(cursor.peek_word().as_str(), "PRIMARY" | "UNIQUE" | "CONSTRAINT" | "FOREIGN") {
            while !cursor.at_end() && !cursor.peeks_token(&Token::Comma) && !cursor.peeks_token(&Token::RParen) {
                cursor.skip_value();
            }
        } else {
            columns.push(column(cursor)?);
        }
        if !cursor.takes_token(&Token::Comma) {
            return cursor.expect_token(&Token::RParen);
        }
    }
}

/// A column's name, type and what follows it.
fn column(cursor: &mut Cursor<'_>) -> Result<Column> {
    let name = cursor.ident()?;
    let mut column = Column::new(name, cursor.sql_type()?);
    loop {
        if cursor.takes("NOT NULL") {
            column.nullable = false;
        } else if cursor.takes("COMMENT") {
            column.comment = Some(cursor.string()?);
        } else if cursor.takes("DEFAULT") {
            column.default = Some(cursor.skip_value());
        } else if cursor.takes("NULL") || cursor.takes("UNIQUE") || cursor.takes("PRIMARY KEY") {
        } else if cursor.takes("COLLATE") {
            cursor.skip_value();
        } else {
            return Ok(column);
        }
    }
}

fn drop_object(world: &World, session: &mut Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    let kind = cursor.peek_word();
    cursor.takes(&kind);
    let if_present = cursor.takes("IF EXISTS");
    let (shown, kind_name, dropped) = match kind.as_str() {
        "DATABASE" => {
            let name = cursor.ident()?;
            let dropped = lock(&world.state).catalog.drop_database(&name);
            (name, "Database", dropped)
        }
        "SCHEMA" => {
            let (database, name) = session.schema(&cursor.name()?)?;
            let dropped = lock(&world.state).catalog.drop_schema(&database, &name);
            (name, "Schema", dropped)
        }
        "TABLE" => {
            let name = session.table(&cursor.name()?)?;
            let dropped = lock(&world.state).catalog.drop_table(&name);
            (if dropped { name.table.clone() } else { name.to_string() }, "Table", dropped)
        }
        _ => return Err(SqlError::unsupported(&format!("DROP {kind}"))),
    };
    if dropped {
        Ok(Outcome::message(format!("{shown} successfully dropped.")))
    } else if if_present {
        Ok(Outcome::message(format!("Drop statement executed successfully ({shown} already dropped).")))
    } else {
        Err(SqlError::no_object(kind_name, &shown))
    }
}

/// Changes a table under the lock.
fn with_table<T>(world: &World, name: &TableName, change: impl FnOnce(&mut Table) -> Result<T>) -> Result<T> {
    let mut state = world.settled();
    let id = state.catalog.find(name).map(|table| table.id);
    let table = id.and_then(|id| state.catalog.table_mut(id));
    change(table.ok_or_else(|| SqlError::no_object("Table", &name.to_string()))?)
}

fn alter(world: &World, session: &mut Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    let kind = cursor.peek_word();
    cursor.takes(&kind);
    match kind.as_str() {
        "SESSION" | "USER" | "WAREHOUSE" | "ACCOUNT" => return Ok(Outcome::message(DONE)),
        "TABLE" => {}
        _ => return Err(SqlError::unsupported(&format!("ALTER {kind}"))),
    }
    let if_present = cursor.takes("IF EXISTS");
    let name = session.table(&cursor.name()?)?;
    if if_present && lock(&world.state).catalog.find(&name).is_none() {
        return Ok(Outcome::message(DONE));
    }
    if cursor.takes("ADD") {
        cursor.takes("COLUMN");
        add_columns(world, cursor, &name)?;
    } else if cursor.takes("DROP") {
        cursor.takes("COLUMN");
        drop_columns(world, cursor, &name)?;
    } else if cursor.takes("RENAME COLUMN") {
        let from = cursor.ident()?;
        cursor.expect("TO")?;
        rename_column(world, &name, &from, &cursor.ident()?)?;
    } else if cursor.takes("RENAME TO") {
        let to = session.table(&cursor.name()?)?;
        if !lock(&world.state).catalog.rename_table(&name, &to) {
            return Err(SqlError::no_object("Table", &name.to_string()));
        }
    } else if cursor.takes("ALTER") || cursor.takes("MODIFY") {
        cursor.takes_token(&Token::LParen);
        loop {
            cursor.takes("COLUMN");
            alter_column(world, cursor, &name)?;
            if !cursor.takes_token(&Token::Comma) {
                break;
            }
        }
        cursor.takes_token(&Token::RParen);
    } else if cursor.takes("SET") {
        set_options(world, cursor, &name)?;
    } else if cursor.takes("UNSET") || cursor.takes("CLUSTER BY") {
        cursor.skip_value();
        with_table(world, &name, |_| Ok(()))?;
    } else {
        return Err(cursor.unexpected());
    }
    cursor.expect_end()?;
    Ok(Outcome::message(DONE))
}

fn add_columns(world: &World, cursor: &mut Cursor<'_>, name: &TableName) -> Result<()> {
    loop {
        let if_absent = cursor.takes("IF NOT EXISTS");
        let added = column(cursor)?;
        with_table(world, name, |table| {
            if table.shape.columns.iter().any(|column| column.name == added.name) {
                return if if_absent {
                    Ok(())
                } else {
                    Err(SqlError::new("001430", "42601", format!("SQL compilation error:\ncolumn '{}' already exists", added.name)))
                };
            }
            Arc::make_mut(&mut table.shape).columns.push(added);
            Ok(())
        })?;
        if !cursor.takes_token(&Token::Comma) {
            return Ok(());
        }
        cursor.takes("COLUMN");
    }
}

fn drop_columns(world: &World, cursor: &mut Cursor<'_>, name: &TableName) -> Result<()> {
    let if_present = cursor.takes("IF EXISTS");
    loop {
        let dropped = cursor.ident()?;
        with_table(world, name, |table| {
            if !table.shape.columns.iter().any(|column| column.name == dropped) {
                return if if_present { Ok(()) } else { Err(SqlError::identifier(&dropped)) };
            }
            Arc::make_mut(&mut table.shape).columns.retain(|column| column.name != dropped);
            Ok(())
        })?;
        if !cursor.takes_token(&Token::Comma) {
            return Ok(());
        }
    }
}

fn rename_column(world: &World, name: &TableName, from: &str, to: &str) -> Result<()> {
    let mut engine = lock(&world.engine);
    let id = with_table(world, name, |table| {
        if table.shape.columns.iter().any(|column| column.name == to) {
            return Err(SqlError::exists(to));
        }
        // Rows still to be loaded carry the old name, so they are taken in first.
        table.shape.columns.iter().find(|column| column.name == from).map(|_| table.id).ok_or_else(|| SqlError::identifier(from))
    })?;
    engine.load(world, &[id])?;
    engine.rename_column(id, from, to)?;
    with_table(world, name, |table| {
        let columns = &mut Arc::make_mut(&mut table.shape).columns;
        columns.iter_mut().filter(|column| column.name == from).for_each(|column| to.clone_into(&mut column.name));
        Ok(())
    })
}

fn alter_column(world: &World, cursor: &mut Cursor<'_>, name: &TableName) -> Result<()> {
    let column = cursor.ident()?;
    let change: Box<dyn FnOnce(&mut Column)> = if cursor.takes("DROP NOT NULL") {
        Box::new(|column| column.nullable = true)
    } else if cursor.takes("SET NOT NULL") {
        Box::new(|column| column.nullable = false)
    } else if cursor.takes("DROP DEFAULT") {
        Box::new(|column| column.default = None)
    } else if cursor.takes("COMMENT") {
        let comment = cursor.string()?;
        Box::new(move |column| column.comment = Some(comment))
    } else if cursor.takes("SET DATA TYPE") || cursor.takes("TYPE") {
        let sql_type = cursor.sql_type()?;
        Box::new(move |column| column.sql_type = sql_type)
    } else {
        return Err(cursor.unexpected());
    };
    with_table(world, name, |table| {
        let columns = &mut Arc::make_mut(&mut table.shape).columns;
        change(columns.iter_mut().find(|candidate| candidate.name == column).ok_or_else(|| SqlError::identifier(&column))?);
        Ok(())
    })
}

fn set_options(world: &World, cursor: &mut Cursor<'_>, name: &TableName) -> Result<()> {
    while !cursor.at_end() {
        let option = cursor.ident()?;
        cursor.takes_token(&Token::Eq);
        let value = cursor.skip_value();
        cursor.takes_token(&Token::Comma);
        with_table(world, name, |table| {
            let on = value.eq_ignore_ascii_case("true");
            match option.as_str() {
                "ENABLE_SCHEMA_EVOLUTION" => Arc::make_mut(&mut table.shape).evolves = on,
                "ERROR_LOGGING" => table.error_logging = on,
                "COMMENT" => table.comment = Some(value.trim_matches('\'').to_owned()),
                _ => {}
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Takes the rows out. The ledger goes on: it says what was loaded, not what is there.
fn truncate(world: &World, session: &mut Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    cursor.takes("TABLE");
    let if_present = cursor.takes("IF EXISTS");
    let name = session.table(&cursor.name()?)?;
    let mut engine = lock(&world.engine);
    let emptied = with_table(world, &name, |table| {
        table.batches.iter_mut().for_each(|batch| *batch = Arc::default());
        table.counted_only = 0;
        Ok(table.id)
    });
    match emptied {
        Ok(id) => engine.truncate(id)?,
        Err(_) if if_present => {}
        Err(error) => return Err(error),
    }
    Ok(Outcome::message(DONE))
}

fn use_object(world: &World, session: &mut Session, cursor: &mut Cursor<'_>) -> Result<Outcome> {
    let kind = ["DATABASE", "SCHEMA", "ROLE", "WAREHOUSE", "SECONDARY ROLES"].into_iter().find(|kind| cursor.takes(kind));
    let name = cursor.name()?;
    let state = lock(&world.state);
    let one = || name.first().cloned().unwrap_or_default();
    match kind {
        Some("ROLE") => session.role = one(),
        Some("WAREHOUSE") => session.warehouse = Some(one()),
        Some("SECONDARY ROLES") => {}
        Some("SCHEMA") => {
            let (database, schema) = session.schema(&name)?;
            if !state.catalog.has_schema(&database, &schema) {
                return Err(SqlError::no_object("Schema", &format!("{database}.{schema}")));
            }
            session.database = Some(database);
            session.schema = Some(schema);
        }
        _ => {
            let database = one();
            if !state.catalog.has_database(&database) {
                return Err(SqlError::no_object("Database", &database));
            }
            let schema = name.get(1).cloned().unwrap_or_else(|| PUBLIC.to_owned());
            if !state.catalog.has_schema(&database, &schema) {
                return Err(SqlError::no_object("Schema", &format!("{database}.{schema}")));
            }
            session.database = Some(database);
            session.schema = Some(schema);
        }
    }
    Ok(Outcome::message(DONE))
}
