//! What a query reads from: tables, common table expressions, derived tables, joins, FLATTEN; and the names they give to
//! expressions.

use std::sync::Arc;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Join, JoinConstraint, JoinOperator, SetExpr, TableAlias, TableFactor,
    TableWithJoins,
};

use crate::catalog::{Shape, TableId};

use super::error::SqlError;
use super::expr::Typed;
use super::names::{encode, parts, resolve};
use super::query::{OutColumn, Translator, table_name};
use super::show::information_schema;
use super::types::{NUMBER, SqlType, TEXT};

type Result<T> = std::result::Result<T, SqlError>;

/// What an expression can name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) relations: Vec<Relation>,
}

#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) alias: String,
    pub(crate) columns: Vec<ScopeColumn>,
}

#[derive(Debug, Clone)]
pub(crate) struct ScopeColumn {
    pub(crate) out: OutColumn,
    pub(crate) sql: String,
}

impl Relation {
    fn new(alias: &str, columns: Vec<OutColumn>) -> Self {
        let qualified = |out: OutColumn| ScopeColumn { sql: format!("{}.{}", encode(alias), encode(&out.name)), out };
        Self { alias: alias.to_owned(), columns: columns.into_iter().map(qualified).collect() }
    }
}

impl Scope {
    /// A column by its name. One that is not found may be an alias, or belong to a query around this one: the engine knows.
    pub(crate) fn column(&self, relation: Option<&str>, name: &str) -> Typed {
        let mut found = self
            .relations
            .iter()
            .filter(|candidate| relation.is_none_or(|relation| candidate.alias == relation))
            .flat_map(|candidate| candidate.columns.iter().filter(|column| column.out.name == name));
        match (found.next(), found.next()) {
            (Some(column), None) => Typed { sql: column.sql.clone(), sql_type: column.out.sql_type },
            _ => Typed {
                sql: relation.map_or_else(|| encode(name), |relation| format!("{}.{}", encode(relation), encode(name))),
                sql_type: None,
            },
        }
    }
}

impl Translator<'_> {
    pub(crate) fn from(&mut self, from: &[TableWithJoins], around: &Scope) -> Result<(String, Scope)> {
        let mut scope = Scope::default();
        let mut sql = String::new();
        for (nth, table) in from.iter().enumerate() {
            let first = self.relation(&table.relation, &mut scope, around)?;
            sql.push_str(if nth == 0 { " FROM " } else { ", " });
            sql.push_str(&first);
            for join in &table.joins {
                sql.push_str(&self.join(join, &mut scope, around)?);
            }
        }
        Ok((sql, scope))
    }

    fn join(&mut self, join: &Join, scope: &mut Scope, around: &Scope) -> Result<String> {
        let relation = self.relation(&join.relation, scope, around)?;
        let (word, constraint) = match &join.join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => ("JOIN", constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => ("LEFT JOIN", constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => ("RIGHT JOIN", constraint),
            JoinOperator::FullOuter(constraint) => ("FULL JOIN", constraint),
            JoinOperator::CrossJoin(constraint) => ("CROSS JOIN", constraint),
            other => return Err(SqlError::unsupported(&format!("{other:?}"))),
        };
        let constraint = match constraint {
            JoinConstraint::On(condition) => format!(" ON {}", self.expr(condition, scope)?.value()),
            JoinConstraint::Using(columns) => {
                let columns = columns.iter().map(|name| encode(&parts(name).pop().unwrap_or_default()));
                format!(" USING ({})", columns.collect::<Vec<_>>().join(", "))
            }
            JoinConstraint::None => String::new(),
            JoinConstraint::Natural | JoinConstraint::UsingAlias(..) => return Err(SqlError::unsupported("NATURAL JOIN")),
        };
        Ok(format!(" {word} {relation}{constraint}"))
    }

    pub(crate) fn relation(&mut self, factor: &TableFactor, scope: &mut Scope, around: &Scope) -> Result<String> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let names = parts(name);
                let last = names.last().cloned().unwrap_or_default();
                let alias = alias.as_ref().map_or(last, |alias| resolve(&alias.name));
                let (source, columns) = self.named(&names)?;
                scope.relations.push(Relation::new(&alias, columns));
                Ok(format!("{source} AS {}", encode(&alias)))
            }
            TableFactor::Table { name, alias, args: Some(arguments), .. } => {
                self.table_function(&parts(name), &arguments.args, alias.as_ref(), scope)
            }
            TableFactor::Function { name, args, alias, .. } => self.table_function(&parts(name), args, alias.as_ref(), scope),
            TableFactor::TableFunction { expr: Expr::Function(function), alias } => {
                let arguments = match &function.args {
                    FunctionArguments::List(list) => list.args.as_slice(),
                    _ => &[],
                };
                self.table_function(&parts(&function.name), arguments, alias.as_ref(), scope)
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let (sql, mut columns) = self.query_within(subquery, around)?;
                let name = alias.as_ref().map_or_else(|| format!("^{}", scope.relations.len()), |alias| resolve(&alias.name));
                if let Some(alias) = alias.as_ref().filter(|alias| !alias.columns.is_empty()) {
                    return Ok(self.renamed(&sql, columns, &name, alias, scope));
                }
                // VALUES names its columns otherwise in the engine.
                if matches!(*subquery.body, SetExpr::Values(_)) {
                    let list = (1..=columns.len()).map(|nth| format!("column{nth} AS {}", encode(&format!("COLUMN{nth}"))));
                    let list = list.collect::<Vec<_>>().join(", ");
                    scope.relations.push(Relation::new(&name, std::mem::take(&mut columns)));
                    return Ok(format!("(SELECT {list} FROM ({sql})) AS {}", encode(&name)));
                }
                scope.relations.push(Relation::new(&name, columns));
                Ok(format!("({sql}) AS {}", encode(&name)))
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                let mut sql = self.relation(&table_with_joins.relation, scope, around)?;
                for join in &table_with_joins.joins {
                    sql.push_str(&self.join(join, scope, around)?);
                }
                Ok(format!("({sql})"))
            }
            other => Err(SqlError::unsupported(&other.to_string())),
        }
    }

    /// A derived table whose alias names its columns.
    fn renamed(&mut self, sql: &str, mut columns: Vec<OutColumn>, name: &str, alias: &TableAlias, scope: &mut Scope) -> String {
        for (column, renamed) in columns.iter_mut().zip(&alias.columns) {
            column.name = resolve(&renamed.name);
        }
        let list = columns.iter().map(|column| encode(&column.name)).collect::<Vec<_>>().join(", ");
        scope.relations.push(Relation::new(name, columns));
        format!("(WITH \"^^SOURCE\"({list}) AS ({sql}) SELECT * FROM \"^^SOURCE\") AS {}", encode(name))
    }

    /// A table, a common table expression, or a view of the information schema.
    fn named(&mut self, names: &[String]) -> Result<(String, Vec<OutColumn>)> {
        if let [name] = names
            && let Some((_, columns)) = self.ctes.iter().rev().find(|(cte, _)| cte == name)
        {
            return Ok((encode(name), columns.clone()));
        }
        if let [.., schema, view] = names
            && schema == "INFORMATION_SCHEMA"
        {
            let database = if names.len() == 3 { Some(&names[0]) } else { self.session.database.as_ref() };
            return information_schema(&self.world.settled().catalog, database.map_or("", String::as_str), view);
        }
        let (id, shape) = self.table(names)?;
        let columns = shape.columns.iter().map(|column| OutColumn { name: column.name.clone(), sql_type: Some(column.sql_type) });
        Ok((table_name(id), columns.collect()))
    }

    /// Finds a table and notes that the statement touches it.
    pub(crate) fn table(&mut self, names: &[String]) -> Result<(TableId, Arc<Shape>)> {
        let name = self.session.table(names)?;
        let state = self.world.settled();
        let table = state.catalog.find(&name).ok_or_else(|| SqlError::no_object("Object", &name.to_string()))?;
        self.tables.push(table.id);
        Ok((table.id, table.shape.clone()))
    }

    /// `FLATTEN(input => …)`, which the engine knows as `json_each`.
    fn table_function(
        &mut self,
        names: &[String],
        arguments: &[FunctionArg],
        alias: Option<&TableAlias>,
        scope: &mut Scope,
    ) -> Result<String> {
        if names != ["FLATTEN"] {
            return Err(SqlError::function(&names.join(".")));
        }
        let mut input = None;
        for argument in arguments {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => input = Some(expr),
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(expr), .. } if resolve(name) == "INPUT" => input = Some(expr),
                FunctionArg::ExprNamed { name, arg: FunctionArgExpr::Expr(expr), .. }
                    if name.to_string().eq_ignore_ascii_case("input") =>
                {
                    input = Some(expr);
                }
                other => return Err(SqlError::unsupported(&other.to_string())),
            }
        }
        let input = self.expr(input.ok_or_else(|| SqlError::function("FLATTEN"))?, scope)?;
        let name = alias.map_or_else(|| format!("^{}", scope.relations.len()), |alias| resolve(&alias.name));
        let at = encode(&name);
        let column = |name: &str, sql: String, sql_type| ScopeColumn {
            out: OutColumn { name: name.to_owned(), sql_type: Some(sql_type) },
            sql,
        };
        let columns = vec![
            column("SEQ", "1".to_owned(), NUMBER),
            column("KEY", format!("CASE typeof({at}.key) WHEN 'text' THEN {at}.key END"), TEXT),
            column("PATH", format!("ltrim({at}.fullkey, '$.')"), TEXT),
            column("INDEX", format!("CASE typeof({at}.key) WHEN 'integer' THEN {at}.key END"), NUMBER),
            column("VALUE", format!("sf_each({at}.value, {at}.type)"), SqlType::Variant),
            column("THIS", input.sql.clone(), SqlType::Variant),
        ];
        scope.relations.push(Relation { alias: name, columns });
        Ok(format!("json_each(sf_json_text({})) AS {at}", input.sql))
    }
}
