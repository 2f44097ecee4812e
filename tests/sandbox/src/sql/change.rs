//! Statements that change rows: INSERT, UPDATE, DELETE. What is written is cast to the type of its column.

use sqlparser::ast::{Assignment, AssignmentTarget, Delete, Expr, FromTable, Insert, TableFactor, TableObject, Update};

use super::error::SqlError;
use super::expr::Typed;
use super::names::{encode, literal, parts};
use super::query::{Translator, table_name};
use super::relation::Scope;

type Result<T> = std::result::Result<T, SqlError>;

impl Translator<'_> {
    /// `INSERT`: each value is cast to its column's type.
    pub(crate) fn insert(&mut self, insert: &Insert) -> Result<String> {
        let TableObject::TableName(name) = &insert.table else { return Err(SqlError::unsupported("INSERT")) };
        let (id, shape) = self.table(&parts(name))?;
        let mut targets = Vec::new();
        for column in &insert.columns {
            let name = parts(column).pop().unwrap_or_default();
            targets.push(shape.columns.iter().find(|column| column.name == name).ok_or_else(|| SqlError::identifier(&name))?);
        }
        if targets.is_empty() {
            targets = shape.columns.iter().collect();
        }
        let source = insert.source.as_ref().ok_or_else(|| SqlError::unsupported("INSERT without rows"))?;
        let (source, columns) = self.query(source)?;
        if columns.len() != targets.len() {
            let message = format!(
                "SQL compilation error:\nInsert value list does not match column list expecting {} but got {}",
                targets.len(),
                columns.len()
            );
            return Err(SqlError::new("002020", "21S01", message));
        }
        let mut values = Vec::new();
        for (nth, (target, column)) in targets.iter().zip(&columns).enumerate() {
            let value = Typed { sql: format!("c{nth}"), sql_type: column.sql_type };
            let cast = value.cast(target.sql_type, false);
            values.push(if target.nullable { cast } else { format!("sf_not_null({cast}, {})", literal(&target.name)) });
        }
        let list = targets.iter().map(|column| encode(&column.name)).collect::<Vec<_>>().join(", ");
        let sources = (0..columns.len()).map(|nth| format!("c{nth}")).collect::<Vec<_>>().join(", ");
        let values = values.join(", ");
        Ok(format!("INSERT INTO {} ({list}) WITH source({sources}) AS ({source}) SELECT {values} FROM source", table_name(id)))
    }

    pub(crate) fn update(&mut self, update: &Update) -> Result<String> {
        if update.from.is_some() || !update.table.joins.is_empty() {
            return Err(SqlError::unsupported("UPDATE with FROM"));
        }
        let TableFactor::Table { name, .. } = &update.table.relation else { return Err(SqlError::unsupported("UPDATE")) };
        let (_, shape) = self.table(&parts(name))?;
        let mut scope = Scope::default();
        let relation = self.relation(&update.table.relation, &mut scope, &Scope::default())?;
        let mut sets = Vec::new();
        for Assignment { target, value } in &update.assignments {
            let AssignmentTarget::ColumnName(name) = target else { return Err(SqlError::unsupported("UPDATE of a tuple")) };
            let name = parts(name).pop().unwrap_or_default();
            let column = shape.columns.iter().find(|column| column.name == name).ok_or_else(|| SqlError::identifier(&name))?;
            sets.push(format!("{} = {}", encode(&name), self.expr(value, &scope)?.cast(column.sql_type, false)));
        }
        let condition = self.condition(update.selection.as_ref(), &scope)?;
        Ok(format!("UPDATE {relation} SET {}{condition}", sets.join(", ")))
    }

    pub(crate) fn delete(&mut self, delete: &Delete) -> Result<String> {
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let ([table], None) = (from.as_slice(), &delete.using) else { return Err(SqlError::unsupported("DELETE with USING")) };
        let mut scope = Scope::default();
        let relation = self.relation(&table.relation, &mut scope, &Scope::default())?;
        let condition = self.condition(delete.selection.as_ref(), &scope)?;
        Ok(format!("DELETE FROM {relation}{condition}"))
    }

    fn condition(&mut self, selection: Option<&Expr>, scope: &Scope) -> Result<String> {
        Ok(match selection {
            Some(condition) => format!(" WHERE {}", self.expr(condition, scope)?.value()),
            None => String::new(),
        })
    }
}
