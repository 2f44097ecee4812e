//! Queries, from Snowflake's dialect to the engine's.
//!
//! Every relation's columns are known here, so `*` is written out, columns get the names Snowflake would give them, and each has a
//! type where one can be told. The catalogue says which tables a statement touches; the engine loads those before it runs.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte, Distinct, ExcludeSelectItem, Expr, Fetch, GroupByExpr, LimitClause, ObjectName, OrderBy, OrderByExpr, OrderByKind,
    OrderBySort, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetQuantifier, TopQuantity, Value, Values,
    WildcardAdditionalOptions, visit_expressions,
};

use crate::catalog::TableId;
use crate::world::World;

use super::cursor::Binding;
use super::error::SqlError;
use super::expr::Typed;
use super::names::{encode, parts, resolve};
use super::relation::{Relation, Scope, ScopeColumn};
use super::session::Session;
use super::types::SqlType;

type Result<T> = std::result::Result<T, SqlError>;

/// The name of a table inside the engine.
pub(crate) fn table_name(id: TableId) -> String {
    format!("t{id}")
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutColumn {
    pub(crate) name: String,
    pub(crate) sql_type: Option<SqlType>,
}

pub(crate) struct Translator<'w> {
    pub(crate) world: &'w World,
    pub(crate) session: &'w Session,
    pub(crate) bindings: &'w [Binding],
    pub(crate) bound: usize,
    /// Tables the statement touches.
    pub(crate) tables: Vec<TableId>,
    pub(crate) ctes: Vec<(String, Vec<OutColumn>)>,
}

impl<'w> Translator<'w> {
    pub(crate) fn new(world: &'w World, session: &'w Session, bindings: &'w [Binding]) -> Self {
        Self { world, session, bindings, bound: 0, tables: Vec::new(), ctes: Vec::new() }
    }

    pub(crate) fn query(&mut self, query: &Query) -> Result<(String, Vec<OutColumn>)> {
        self.query_within(query, &Scope::default())
    }

    /// A query inside an expression; it sees the columns around it.
    pub(crate) fn subquery(&mut self, query: &Query, around: &Scope) -> Result<(String, Vec<OutColumn>)> {
        self.query_within(query, around)
    }

    pub(crate) fn query_within(&mut self, query: &Query, around: &Scope) -> Result<(String, Vec<OutColumn>)> {
        let known = self.ctes.len();
        let mut sql = String::new();
        if let Some(with) = &query.with {
            let ctes = with.cte_tables.iter().map(|cte| self.cte(cte, with.recursive)).collect::<Result<Vec<_>>>()?;
            sql = format!("WITH {}{} ", if with.recursive { "RECURSIVE " } else { "" }, ctes.join(", "));
        }
        let (body, columns) = match &*query.body {
            SetExpr::Select(select) => self.select(select, query.order_by.as_ref(), around)?,
            other => {
                let (body, columns) = self.set_expr(other, around)?;
                let order = self.order_of_set(query.order_by.as_ref())?;
                (body + &order, columns)
            }
        };
        sql.push_str(&body);
        sql.push_str(&limit(query)?);
        self.ctes.truncate(known);
        Ok((sql, columns))
    }

    fn cte(&mut self, cte: &Cte, recursive: bool) -> Result<String> {
        let name = resolve(&cte.alias.name);
        let renamed: Vec<_> = cte.alias.columns.iter().map(|column| resolve(&column.name)).collect();
        if recursive {
            let columns = renamed.iter().map(|name| OutColumn { name: name.clone(), sql_type: None }).collect();
            self.ctes.push((name.clone(), columns));
        }
        let (sql, mut columns) = self.query(&cte.query)?;
        for (column, name) in columns.iter_mut().zip(&renamed) {
            column.name.clone_from(name);
        }
        let list = columns.iter().map(|column| encode(&column.name)).collect::<Vec<_>>().join(", ");
        let sql = format!("{}({list}) AS ({sql})", encode(&name));
        self.ctes.push((name, columns));
        Ok(sql)
    }

    fn set_expr(&mut self, body: &SetExpr, around: &Scope) -> Result<(String, Vec<OutColumn>)> {
        match body {
            SetExpr::Select(select) => self.select(select, None, around),
            SetExpr::Query(query) => {
                let (sql, columns) = self.query_within(query, around)?;
                Ok((format!("SELECT * FROM ({sql})"), columns))
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let (left, columns) = self.set_expr(left, around)?;
                let (right, _) = self.set_expr(right, around)?;
                let all = if matches!(set_quantifier, SetQuantifier::All) { " ALL" } else { "" };
                Ok((format!("{left} {op}{all} {right}"), columns))
            }
            SetExpr::Values(values) => self.values(values, around),
            other => Err(SqlError::unsupported(&other.to_string())),
        }
    }

    fn values(&mut self, values: &Values, around: &Scope) -> Result<(String, Vec<OutColumn>)> {
        let mut columns: Vec<OutColumn> = Vec::new();
        let mut rows = Vec::new();
        for row in &values.rows {
            let cells = row.content.iter().map(|cell| self.expr(cell, around)).collect::<Result<Vec<_>>>()?;
            for (nth, cell) in cells.iter().enumerate() {
                match columns.get_mut(nth) {
                    Some(column) => column.sql_type = column.sql_type.or(cell.sql_type),
                    None => columns.push(OutColumn { name: format!("COLUMN{}", nth + 1), sql_type: cell.sql_type }),
                }
            }
            rows.push(format!("({})", cells.iter().map(|cell| cell.sql.as_str()).collect::<Vec<_>>().join(", ")));
        }
        Ok((format!("VALUES {}", rows.join(", ")), columns))
    }

    fn select(&mut self, select: &Select, order_by: Option<&OrderBy>, around: &Scope) -> Result<(String, Vec<OutColumn>)> {
        let (from, scope) = self.from(&select.from, around)?;
        let (items, columns) = self.projection(&select.projection, &scope)?;
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => "",
            Some(Distinct::Distinct) => "DISTINCT ",
            Some(Distinct::On(_)) => return Err(SqlError::unsupported("DISTINCT ON")),
        };
        let mut scope_with_aliases = scope.clone();
        // An alias is known by its plain name, after the columns proper.
        let aliases =
            columns.iter().filter(|out| !scope.relations.iter().any(|r| r.columns.iter().any(|c| c.out.name == out.name)));
        let aliases = aliases.map(|out| ScopeColumn { out: out.clone(), sql: encode(&out.name) }).collect();
        scope_with_aliases.relations.push(Relation { alias: String::new(), columns: aliases });
        let scope = scope_with_aliases;

        let mut tail = from;
        if let Some(condition) = &select.selection {
            tail.push_str(&format!(" WHERE {}", self.expr(condition, &scope)?.value()));
        }
        tail.push_str(&self.group_by(&select.group_by, &select.projection, &scope)?);
        if let Some(condition) = &select.having {
            tail.push_str(&format!(" HAVING {}", self.expr(condition, &scope)?.value()));
        }
        let order = match order_by {
            Some(OrderBy { kind: OrderByKind::Expressions(list), .. }) => {
                format!(" ORDER BY {}", self.order_list(list, &scope, true)?)
            }
            Some(OrderBy { kind: OrderByKind::All(_), .. }) => {
                let all = (1..=columns.len()).map(|nth| nth.to_string()).collect::<Vec<_>>().join(", ");
                format!(" ORDER BY {all}")
            }
            None => String::new(),
        };
        let top = match &select.top {
            Some(top) => match &top.quantity {
                Some(TopQuantity::Constant(count)) => format!(" LIMIT {count}"),
                Some(TopQuantity::Expr(expr)) => format!(" LIMIT {expr}"),
                None => return Err(SqlError::unsupported("TOP")),
            },
            None => String::new(),
        };
        let items = items.join(", ");
        let sql = match &select.qualify {
            None => format!("SELECT {distinct}{items}{tail}{order}{top}"),
            Some(condition) => {
                let names = columns.iter().map(|column| encode(&column.name)).collect::<Vec<_>>().join(", ");
                let windowed = contains(condition, |expr| matches!(expr, Expr::Function(function) if function.over.is_some()));
                let (hidden, condition) = if windowed {
                    (format!(", {} AS \"^^QUALIFIES\"", self.expr(condition, &scope)?.value()), "\"^^QUALIFIES\"".to_owned())
                } else {
                    (String::new(), self.expr(condition, &Scope::default())?.value())
                };
                format!("SELECT {distinct}{names} FROM (SELECT {items}{hidden}{tail}) WHERE {condition}{order}{top}")
            }
        };
        Ok((sql, columns))
    }

    fn projection(&mut self, projection: &[SelectItem], scope: &Scope) -> Result<(Vec<String>, Vec<OutColumn>)> {
        let (mut items, mut columns) = (Vec::new(), Vec::new());
        let mut push = |typed: Typed, name: String| {
            items.push(format!("{} AS {}", typed.sql, encode(&name)));
            columns.push(OutColumn { name, sql_type: typed.sql_type });
        };
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let name = match expr {
                        Expr::Identifier(ident) => resolve(ident),
                        Expr::CompoundIdentifier(idents) => idents.last().map(resolve).unwrap_or_default(),
                        other => other.to_string().to_uppercase(),
                    };
                    push(self.expr(expr, scope)?, name);
                }
                SelectItem::ExprWithAlias { expr, alias } => push(self.expr(expr, scope)?, resolve(alias)),
                SelectItem::Wildcard(options) => {
                    let excluded = excluded(options)?;
                    for column in scope.relations.iter().flat_map(|relation| &relation.columns) {
                        if !excluded.contains(&column.out.name) {
                            push(Typed { sql: column.sql.clone(), sql_type: column.out.sql_type }, column.out.name.clone());
                        }
                    }
                    if scope.relations.is_empty() {
                        return Err(SqlError::syntax("SELECT with no columns"));
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let excluded = excluded(options)?;
                    let alias = parts(name).pop().unwrap_or_default();
                    let relation = scope.relations.iter().find(|relation| relation.alias == alias);
                    for column in &relation.ok_or_else(|| SqlError::identifier(&alias))?.columns {
                        if !excluded.contains(&column.out.name) {
                            push(Typed { sql: column.sql.clone(), sql_type: column.out.sql_type }, column.out.name.clone());
                        }
                    }
                }
                other => return Err(SqlError::unsupported(&other.to_string())),
            }
        }
        Ok((items, columns))
    }

    fn group_by(&mut self, group_by: &GroupByExpr, projection: &[SelectItem], scope: &Scope) -> Result<String> {
        let keys = match group_by {
            GroupByExpr::Expressions(keys, _) if keys.is_empty() => return Ok(String::new()),
            GroupByExpr::Expressions(keys, _) => keys.iter().map(|key| self.group_key(key, scope)).collect::<Result<Vec<_>>>()?,
            GroupByExpr::All(_) => {
                let plain = projection.iter().enumerate().filter(|(_, item)| match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => !contains(expr, is_aggregate),
                    _ => true,
                });
                plain.map(|(nth, _)| (nth + 1).to_string()).collect()
            }
        };
        Ok(if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) })
    }

    fn group_key(&mut self, key: &Expr, scope: &Scope) -> Result<String> {
        if is_ordinal(key) { Ok(key.to_string()) } else { Ok(self.expr(key, scope)?.sql) }
    }

    /// The keys of an ORDER BY; NULLs sort as the highest value, as Snowflake has it.
    pub(crate) fn order_list(&mut self, keys: &[OrderByExpr], scope: &Scope, by_value: bool) -> Result<String> {
        let mut list = Vec::new();
        for key in keys {
            let typed = self.expr(&key.expr, scope)?;
            let sql = match (is_ordinal(&key.expr), by_value) {
                (true, _) => key.expr.to_string(),
                (false, true) => typed.value(),
                (false, false) => typed.sql,
            };
            let descending = matches!(key.options.sort, Some(OrderBySort::Desc));
            let nulls_first = key.options.nulls_first.unwrap_or(descending);
            let (direction, nulls) = (if descending { "DESC" } else { "ASC" }, if nulls_first { "FIRST" } else { "LAST" });
            list.push(format!("{sql} {direction} NULLS {nulls}"));
        }
        Ok(list.join(", "))
    }

    fn order_of_set(&mut self, order_by: Option<&OrderBy>) -> Result<String> {
        match order_by {
            None => Ok(String::new()),
            Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) => {
                Ok(format!(" ORDER BY {}", self.order_list(keys, &Scope::default(), false)?))
            }
            Some(_) => Err(SqlError::unsupported("ORDER BY ALL")),
        }
    }
}

fn excluded(options: &WildcardAdditionalOptions) -> Result<Vec<String>> {
    if options.opt_replace.is_some() || options.opt_rename.is_some() || options.opt_ilike.is_some() {
        return Err(SqlError::unsupported("options of *"));
    }
    let last = |name: &ObjectName| parts(name).pop().unwrap_or_default();
    Ok(match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => vec![last(name)],
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().map(last).collect(),
        None => Vec::new(),
    })
}

fn is_ordinal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Number(..)))
}

fn is_aggregate(expr: &Expr) -> bool {
    const AGGREGATES: &str = " COUNT COUNT_IF SUM MIN MAX AVG ANY_VALUE LISTAGG APPROX_COUNT_DISTINCT BOOLAND_AGG BOOLOR_AGG ";
    matches!(expr, Expr::Function(function)
        if function.over.is_none() && AGGREGATES.contains(&format!(" {} ", function.name.to_string().to_uppercase())))
}

fn contains(expr: &Expr, wanted: impl Fn(&Expr) -> bool) -> bool {
    let found = visit_expressions(expr, |inner| if wanted(inner) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    found.is_break()
}

fn limit(query: &Query) -> Result<String> {
    let constant = |expr: &Expr| match expr {
        Expr::Value(value) if matches!(value.value, Value::Number(..)) => Ok(expr.to_string()),
        Expr::Value(value) if value.value == Value::Null => Ok("-1".to_owned()),
        other => Err(SqlError::syntax(&format!("unexpected '{other}'."))),
    };
    let mut sql = String::new();
    match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            let limit = limit.as_ref().map(constant).transpose()?;
            let offset = offset.as_ref().map(|offset| constant(&offset.value)).transpose()?;
            if limit.is_some() || offset.is_some() {
                sql = format!(" LIMIT {}", limit.unwrap_or_else(|| "-1".to_owned()));
            }
            if let Some(offset) = offset {
                sql.push_str(&format!(" OFFSET {offset}"));
            }
        }
        Some(LimitClause::OffsetCommaLimit { .. }) => return Err(SqlError::syntax("unexpected ','.")),
        None => {}
    }
    if let Some(Fetch { quantity: Some(quantity), .. }) = &query.fetch {
        sql = format!(" LIMIT {}", constant(quantity)?);
    }
    Ok(sql)
}
