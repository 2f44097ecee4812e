//! Expressions: from Snowflake's to the engine's, with the type of each where it is known.
//!
//! A type decides two things. Between operands it says which side must be cast, for the engine would compare a number with a text
//! by their kinds; and in a result it says how a value is shown. Where it is not known, the value itself tells.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, InTarget, JsonPathElem, Subscript, UnaryOperator,
    Value,
};

use super::error::SqlError;
use super::names::{literal, resolve};
use super::query::Translator;
use super::relation::Scope;
use super::types::{NUMBER, SqlType, TEXT};
use super::variant::{Step, steps_text};

type Result<T> = std::result::Result<T, SqlError>;

/// An expression for the engine.
#[derive(Debug, Clone)]
pub(crate) struct Typed {
    pub(crate) sql: String,
    pub(crate) sql_type: Option<SqlType>,
}

impl Typed {
    pub(crate) fn new(sql: impl Into<String>, sql_type: SqlType) -> Self {
        Self { sql: sql.into(), sql_type: Some(sql_type) }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self.sql_type, Some(SqlType::Number { .. } | SqlType::Float))
    }

    /// The value as the engine compares it.
    pub(crate) fn value(&self) -> String {
        match self.sql_type {
            Some(known) if !known.is_semi_structured() => self.sql.clone(),
            _ => format!("sf_val({})", self.sql),
        }
    }

    pub(crate) fn number(&self) -> String {
        if self.is_number() || self.sql_type == Some(SqlType::Boolean) { self.sql.clone() } else { format!("sf_num({})", self.sql) }
    }

    /// The value cast to a type, unless it has it.
    pub(crate) fn cast(&self, to: SqlType, lenient: bool) -> String {
        if self.sql_type == Some(to) {
            return self.sql.clone();
        }
        let from_boolean =
            self.sql_type == Some(SqlType::Boolean) && (matches!(to, SqlType::Text { .. }) || to.is_semi_structured());
        let sql = match from_boolean {
            true if to.is_semi_structured() => {
                format!("CASE {} WHEN 1 THEN CAST('true' AS BLOB) WHEN 0 THEN CAST('false' AS BLOB) END", self.sql)
            }
            true => format!("CASE {} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END", self.sql),
            false => self.sql.clone(),
        };
        format!("sf_cast({sql}, '{}', {})", to.shown(), u8::from(lenient))
    }
}

const VARIANT: SqlType = SqlType::Variant;
const BOOLEAN: SqlType = SqlType::Boolean;

impl Translator<'_> {
    pub(crate) fn expr(&mut self, expr: &Expr, scope: &Scope) -> Result<Typed> {
        Ok(match expr {
            Expr::Identifier(ident) => scope.column(None, &resolve(ident)),
            Expr::CompoundIdentifier(idents) => {
                let names: Vec<_> = idents.iter().map(resolve).collect();
                let (column, qualifier) = names.split_last().expect("a compound identifier has parts");
                scope.column(qualifier.last().map(String::as_str), column)
            }
            Expr::Value(value) => self.value(&value.value)?,
            Expr::TypedString(typed) => {
                let to = data_type(&typed.data_type.to_string())?;
                let text = Typed::new(literal(&typed.value.value.clone().into_string().unwrap_or_default()), TEXT);
                Typed::new(text.cast(to, false), to)
            }
            Expr::Nested(inner) => {
                let inner = self.expr(inner, scope)?;
                Typed { sql: format!("({})", inner.sql), ..inner }
            }
            Expr::JsonAccess { value, path } => self.path(value, &path.path, scope)?,
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope)?,
            Expr::Cast { kind, expr, data_type: to, .. } => {
                let to = data_type(&to.to_string())?;
                let lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                Typed::new(self.expr(expr, scope)?.cast(to, lenient), to)
            }
            Expr::UnaryOp { op, expr } => {
                let inner = self.expr(expr, scope)?;
                match op {
                    UnaryOperator::Not => Typed::new(format!("NOT {}", inner.value()), BOOLEAN),
                    UnaryOperator::Minus => Typed { sql: format!("-{}", inner.number()), sql_type: inner.sql_type },
                    UnaryOperator::Plus => inner,
                    other => return Err(SqlError::unsupported(&other.to_string())),
                }
            }
            Expr::BinaryOp { left, op, right } => {
                let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
                binary(&left, op, &right)?
            }
            Expr::IsNull(inner) => Typed::new(format!("{} IS NULL", self.expr(inner, scope)?.sql), BOOLEAN),
            Expr::IsNotNull(inner) => Typed::new(format!("{} IS NOT NULL", self.expr(inner, scope)?.sql), BOOLEAN),
            Expr::IsTrue(inner) => Typed::new(format!("{} IS TRUE", self.expr(inner, scope)?.value()), BOOLEAN),
            Expr::IsNotTrue(inner) => Typed::new(format!("{} IS NOT TRUE", self.expr(inner, scope)?.value()), BOOLEAN),
            Expr::IsFalse(inner) => Typed::new(format!("{} IS FALSE", self.expr(inner, scope)?.value()), BOOLEAN),
            Expr::IsNotFalse(inner) => Typed::new(format!("{} IS NOT FALSE", self.expr(inner, scope)?.value()), BOOLEAN),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                let (left, right) = unify(&self.expr(left, scope)?, &self.expr(right, scope)?);
                let not = if matches!(expr, Expr::IsDistinctFrom(..)) { "NOT " } else { "" };
                Typed::new(format!("{left} IS {not}{right}"), BOOLEAN)
            }
            Expr::Between { expr, negated, low, high } => {
                let (value, low, high) = (self.expr(expr, scope)?, self.expr(low, scope)?, self.expr(high, scope)?);
                let ((from, low), (to, high)) = (unify(&value, &low), unify(&value, &high));
                let not = if *negated { "NOT " } else { "" };
                Typed::new(format!("{not}({from} >= {low} AND {to} <= {high})"), BOOLEAN)
            }
            Expr::In { expr, target, negated, .. } => self.is_in(expr, target, *negated, scope)?,
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, false, scope)?
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, true, scope)?
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                let operand = operand.as_ref().map(|operand| self.expr(operand, scope)).transpose()?;
                let mut sql = "CASE".to_owned();
                let mut sql_type = None;
                for case in conditions {
                    let condition = self.expr(&case.condition, scope)?;
                    let condition = match &operand {
                        Some(operand) => {
                            let (left, right) = unify(operand, &condition);
                            format!("{left} = {right}")
                        }
                        None => condition.value(),
                    };
                    let result = self.expr(&case.result, scope)?;
                    sql_type = sql_type.or(result.sql_type);
                    sql.push_str(&format!(" WHEN {condition} THEN {}", result.sql));
                }
                if let Some(otherwise) = else_result {
                    let otherwise = self.expr(otherwise, scope)?;
                    sql_type = sql_type.or(otherwise.sql_type);
                    sql.push_str(&format!(" ELSE {}", otherwise.sql));
                }
                Typed { sql: sql + " END", sql_type }
            }
            Expr::Exists { subquery, negated } => {
                let (sql, _) = self.subquery(subquery, scope)?;
                Typed::new(format!("{}EXISTS ({sql})", if *negated { "NOT " } else { "" }), BOOLEAN)
            }
            Expr::Subquery(query) => {
                let (sql, columns) = self.subquery(query, scope)?;
                Typed { sql: format!("({sql})"), sql_type: columns.first().and_then(|column| column.sql_type) }
            }
            Expr::Ceil { expr, field } => self.rounded("ceil", expr, field, scope)?,
            Expr::Floor { expr, field } => self.rounded("floor", expr, field, scope)?,
            Expr::Trim { expr, trim_what: None, .. } => {
                let inner = self.expr(expr, scope)?;
                Typed::new(format!("trim({})", inner.cast(TEXT, false)), TEXT)
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut arguments = vec![self.expr(expr, scope)?.cast(TEXT, false)];
                for bound in [substring_from, substring_for].into_iter().flatten() {
                    arguments.push(self.expr(bound, scope)?.number());
                }
                Typed::new(format!("substr({})", arguments.join(", ")), TEXT)
            }
            Expr::Position { expr, r#in } => {
                let (needle, hay) = (self.expr(expr, scope)?, self.expr(r#in, scope)?);
                Typed::new(format!("instr({}, {})", hay.cast(TEXT, false), needle.cast(TEXT, false)), NUMBER)
            }
            Expr::Extract { field, expr, .. } => {
                let moment = self.expr(expr, scope)?;
                Typed::new(format!("sf_date_part({}, {})", literal(&field.to_string()), moment.sql), NUMBER)
            }
            Expr::Function(function) => self.function(function, scope)?,
            other => return Err(SqlError::unsupported(&other.to_string())),
        })
    }

    fn value(&mut self, value: &Value) -> Result<Typed> {
        Ok(match value {
            Value::Number(text, _) => {
                let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len() as u8);
                let float = text.contains(['e', 'E']);
                let sql_type = if float { SqlType::Float } else { SqlType::Number { precision: 38, scale } };
                Typed::new(text.clone(), sql_type)
            }
            Value::Boolean(boolean) => Typed::new(u8::from(*boolean).to_string(), BOOLEAN),
            Value::Null => Typed { sql: "NULL".to_owned(), sql_type: None },
            Value::Placeholder(_) => self.next_binding()?,
            other => match other.clone().into_string() {
                Some(text) => Typed::new(literal(&text), TEXT),
                None => return Err(SqlError::unsupported(&other.to_string())),
            },
        })
    }

    fn next_binding(&mut self) -> Result<Typed> {
        let binding = self.bindings.get(self.bound).ok_or_else(|| SqlError::syntax("a binding is missing"))?;
        self.bound += 1;
        let Some(text) = &binding.value else { return Ok(Typed { sql: "NULL".to_owned(), sql_type: None }) };
        let typed = Typed::new(literal(text), TEXT);
        Ok(match binding.kind.as_str() {
            "FIXED" => Typed::new(typed.cast(NUMBER, false), NUMBER),
            "REAL" => Typed::new(typed.cast(SqlType::Float, false), SqlType::Float),
            "BOOLEAN" => Typed::new(typed.cast(BOOLEAN, false), BOOLEAN),
            _ => typed,
        })
    }

    /// `value:a.b[1]`: constant steps are gathered into one call.
    fn path(&mut self, value: &Expr, path: &[JsonPathElem], scope: &Scope) -> Result<Typed> {
        let mut sql = self.expr(value, scope)?.sql;
        let mut steps = Vec::new();
        for element in path {
            let key = match element {
                JsonPathElem::Dot { key, .. } => {
                    steps.push(Step::Key(key.clone()));
                    continue;
                }
                JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => key,
            };
            self.step(&mut sql, &mut steps, key, scope)?;
        }
        flush_steps(&mut sql, &mut steps);
        Ok(Typed::new(sql, VARIANT))
    }

    /// `value['a'][1]`, and `alias.value[0]`.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr], scope: &Scope) -> Result<Typed> {
        let mut names = match root {
            Expr::Identifier(ident) => vec![ident.clone()],
            Expr::CompoundIdentifier(idents) => idents.clone(),
            _ => Vec::new(),
        };
        let mut rest = chain;
        while let (false, [AccessExpr::Dot(Expr::Identifier(ident)), after @ ..]) = (names.is_empty(), rest) {
            names.push(ident.clone());
            rest = after;
        }
        let mut sql = match names.as_slice() {
            [] => self.expr(root, scope)?.sql,
            [one] => self.expr(&Expr::Identifier(one.clone()), scope)?.sql,
            several => self.expr(&Expr::CompoundIdentifier(several.to_vec()), scope)?.sql,
        };
        let mut steps = Vec::new();
        for access in rest {
            match access {
                AccessExpr::Subscript(Subscript::Index { index }) => self.step(&mut sql, &mut steps, index, scope)?,
                AccessExpr::Dot(Expr::Identifier(ident)) => steps.push(Step::Key(ident.value.clone())),
                other => return Err(SqlError::unsupported(&other.to_string())),
            }
        }
        flush_steps(&mut sql, &mut steps);
        Ok(Typed::new(sql, VARIANT))
    }

    fn step(&mut self, sql: &mut String, steps: &mut Vec<Step>, key: &Expr, scope: &Scope) -> Result<()> {
        if let Expr::Value(value) = key {
            if let Value::Number(text, _) = &value.value
                && let Ok(index) = text.parse()
            {
                steps.push(Step::Index(index));
                return Ok(());
            }
            if let Some(text) = value.value.clone().into_string() {
                steps.push(Step::Key(text));
                return Ok(());
            }
        }
        flush_steps(sql, steps);
        let key = self.expr(key, scope)?;
        *sql = format!("sf_get({sql}, {})", key.sql);
        Ok(())
    }

    fn is_in(&mut self, expr: &Expr, target: &InTarget, negated: bool, scope: &Scope) -> Result<Typed> {
        let value = self.expr(expr, scope)?;
        let not = if negated { "NOT " } else { "" };
        let sql = match target {
            InTarget::List(list) => {
                let mut equal = Vec::new();
                for item in list {
                    let (left, right) = unify(&value, &self.expr(item, scope)?);
                    equal.push(format!("{left} = {right}"));
                }
                format!("{not}({})", equal.join(" OR "))
            }
            InTarget::Subquery(query) => {
                let (sql, _) = self.subquery(query, scope)?;
                format!("{not}{} IN ({sql})", value.value())
            }
            other => return Err(SqlError::unsupported(&other.to_string())),
        };
        Ok(Typed::new(sql, BOOLEAN))
    }

    fn like(
        &mut self,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
        fold: bool,
        scope: &Scope,
    ) -> Result<Typed> {
        let (text, pattern) = (self.expr(expr, scope)?.cast(TEXT, false), self.expr(pattern, scope)?.cast(TEXT, false));
        let escape = match escape {
            Some(escape) => format!(" ESCAPE {}", self.expr(escape, scope)?.sql),
            None => String::new(),
        };
        let (text, pattern) = if fold { (format!("upper({text})"), format!("upper({pattern})")) } else { (text, pattern) };
        Ok(Typed::new(format!("{text} {}LIKE {pattern}{escape}", if negated { "NOT " } else { "" }), BOOLEAN))
    }

    fn rounded(&mut self, function: &str, expr: &Expr, field: &CeilFloorKind, scope: &Scope) -> Result<Typed> {
        match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => {
                Ok(Typed::new(format!("{function}({})", self.expr(expr, scope)?.number()), NUMBER))
            }
            _ => Err(SqlError::unsupported(function)),
        }
    }
}

fn flush_steps(sql: &mut String, steps: &mut Vec<Step>) {
    if !steps.is_empty() {
        *sql = format!("sf_path({sql}, {})", literal(&steps_text(steps)));
        steps.clear();
    }
}

pub(crate) fn data_type(text: &str) -> Result<SqlType> {
    SqlType::of(text).ok_or_else(|| SqlError::unsupported(&format!("data type {text}")))
}

/// Both sides as the engine can compare them.
pub(crate) fn unify(left: &Typed, right: &Typed) -> (String, String) {
    let is_text = |side: &Typed| matches!(side.sql_type, Some(SqlType::Text { .. }));
    let temporal =
        [left, right].iter().find_map(|side| side.sql_type.filter(|known| known.is_timestamp() || *known == SqlType::Date));
    if left.is_number() || right.is_number() {
        (left.number(), right.number())
    } else if let Some(temporal) = temporal {
        let side = |side: &Typed| if side.sql_type == Some(temporal) { side.sql.clone() } else { side.cast(temporal, false) };
        (side(left), side(right))
    } else if is_text(left) || is_text(right) {
        let side = |side: &Typed| if is_text(side) { side.sql.clone() } else { side.cast(TEXT, false) };
        (side(left), side(right))
    } else {
        (left.value(), right.value())
    }
}

fn binary(left: &Typed, op: &BinaryOperator, right: &Typed) -> Result<Typed> {
    let scale = |side: &Typed| match side.sql_type {
        Some(SqlType::Number { scale, .. }) => Some(scale),
        _ => None,
    };
    let arithmetic = |scales: fn(u8, u8) -> u8| match (scale(left), scale(right)) {
        (Some(left), Some(right)) => Some(SqlType::Number { precision: 38, scale: scales(left, right).min(37) }),
        _ if left.is_number() && right.is_number() => Some(SqlType::Float),
        _ => None,
    };
    Ok(match op {
        BinaryOperator::And | BinaryOperator::Or => Typed::new(format!("({} {op} {})", left.value(), right.value()), BOOLEAN),
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => {
            let (left, right) = unify(left, right);
            Typed::new(format!("({left} {op} {right})"), BOOLEAN)
        }
        BinaryOperator::Plus | BinaryOperator::Minus => {
            Typed { sql: format!("({} {op} {})", left.number(), right.number()), sql_type: arithmetic(u8::max) }
        }
        BinaryOperator::Multiply => {
            Typed { sql: format!("({} * {})", left.number(), right.number()), sql_type: arithmetic(|a, b| a + b) }
        }
        BinaryOperator::Modulo => Typed { sql: format!("({} % {})", left.number(), right.number()), sql_type: arithmetic(u8::max) },
        BinaryOperator::Divide => {
            Typed { sql: format!("sf_div({}, {})", left.sql, right.sql), sql_type: arithmetic(|a, _| a.max(6)) }
        }
        BinaryOperator::StringConcat => Typed::new(format!("({} || {})", left.cast(TEXT, false), right.cast(TEXT, false)), TEXT),
        other => return Err(SqlError::unsupported(&other.to_string())),
    })
}
