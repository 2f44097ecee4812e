//! Calls of functions: which of Snowflake's there are, and what each is to the engine.

use sqlparser::ast::{DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, WindowType};

use super::error::SqlError;
use super::expr::{Typed, unify};
use super::names::{encode, literal, parts, resolve};
use super::query::Translator;
use super::relation::Scope;
use super::types::{NUMBER, SqlType, TEXT};

type Result<T> = std::result::Result<T, SqlError>;

const VARIANT: SqlType = SqlType::Variant;
const BOOLEAN: SqlType = SqlType::Boolean;

impl Translator<'_> {
    pub(crate) fn function(&mut self, function: &Function, scope: &Scope) -> Result<Typed> {
        let name = parts(&function.name).join(".");
        let (arguments, distinct, star) = self.arguments(&name, function, scope)?;
        let called = self.call(&name, &arguments, distinct, star)?;
        if let Some(window) = &function.over {
            let over = match window {
                WindowType::NamedWindow(name) => encode(&resolve(name)),
                WindowType::WindowSpec(spec) => {
                    let mut clauses = Vec::new();
                    if !spec.partition_by.is_empty() {
                        let keys =
                            spec.partition_by.iter().map(|key| Ok(self.expr(key, scope)?.value())).collect::<Result<Vec<_>>>()?;
                        clauses.push(format!("PARTITION BY {}", keys.join(", ")));
                    }
                    if !spec.order_by.is_empty() {
                        clauses.push(format!("ORDER BY {}", self.order_list(&spec.order_by, scope, true)?));
                    }
                    if let Some(frame) = &spec.window_frame {
                        let end = frame.end_bound.as_ref().map(|end| format!("BETWEEN {} AND {end}", frame.start_bound));
                        clauses.push(format!("{} {}", frame.units, end.unwrap_or_else(|| frame.start_bound.to_string())));
                    }
                    format!("({})", clauses.join(" "))
                }
            };
            return Ok(Typed { sql: format!("{} OVER {over}", called.sql), sql_type: called.sql_type });
        }
        Ok(called)
    }

    fn arguments(&mut self, name: &str, function: &Function, scope: &Scope) -> Result<(Vec<Typed>, bool, bool)> {
        let list = match &function.args {
            FunctionArguments::None => return Ok((Vec::new(), false, false)),
            FunctionArguments::Subquery(_) => return Err(SqlError::unsupported("a query as an argument")),
            FunctionArguments::List(list) => list,
        };
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let (mut arguments, mut star) = (Vec::new(), false);
        for (nth, argument) in list.args.iter().enumerate() {
            let value = match argument {
                FunctionArg::Unnamed(value) | FunctionArg::Named { arg: value, .. } | FunctionArg::ExprNamed { arg: value, .. } => {
                    value
                }
            };
            match value {
                // The unit of a date function may stand there as a bare word.
                FunctionArgExpr::Expr(Expr::Identifier(unit)) if nth == 0 && is_date_function(name) => {
                    arguments.push(Typed::new(literal(&unit.value), TEXT));
                }
                FunctionArgExpr::Expr(expr) => arguments.push(self.expr(expr, scope)?),
                _ => star = true,
            }
        }
        Ok((arguments, distinct, star))
    }

    fn call(&mut self, name: &str, arguments: &[Typed], distinct: bool, star: bool) -> Result<Typed> {
        let argument = |index: usize| arguments.get(index).ok_or_else(|| SqlError::function(name));
        let values = || arguments.iter().map(Typed::value).collect::<Vec<_>>().join(", ");
        let raw = || arguments.iter().map(|argument| argument.sql.as_str()).collect::<Vec<_>>().join(", ");
        let texts = || arguments.iter().map(|argument| argument.cast(TEXT, false)).collect::<Vec<_>>().join(", ");
        let first_type = arguments.first().and_then(|first| first.sql_type);
        let session = &self.session;
        let text_or_null = |text: &Option<String>| Typed::new(text.as_ref().map_or("NULL".to_owned(), |text| literal(text)), TEXT);
        let unique = if distinct { "DISTINCT " } else { "" };
        Ok(match name {
            "COUNT" if star || arguments.is_empty() => Typed::new("count(*)", NUMBER),
            "COUNT" if arguments.len() == 1 => Typed::new(format!("count({unique}{})", argument(0)?.value()), NUMBER),
            "APPROX_COUNT_DISTINCT" | "HLL" => Typed::new(format!("count(DISTINCT {})", argument(0)?.value()), NUMBER),
            "COUNT_IF" | "COUNTIF" => {
                Typed::new(format!("coalesce(sum(CASE WHEN {} THEN 1 ELSE 0 END), 0)", argument(0)?.value()), NUMBER)
            }
            "SUM" => Typed {
                sql: format!("sum({unique}{})", argument(0)?.number()),
                sql_type: first_type.filter(|_| argument(0).is_ok_and(Typed::is_number)),
            },
            "AVG" => {
                let sql_type =
                    if first_type == Some(SqlType::Float) { SqlType::Float } else { SqlType::Number { precision: 38, scale: 6 } };
                Typed::new(format!("avg({unique}{})", argument(0)?.number()), sql_type)
            }
            "MIN" | "MAX" | "ANY_VALUE" | "BOOLAND_AGG" | "BOOLOR_AGG" => {
                let engine = if matches!(name, "MIN" | "BOOLAND_AGG") { "min" } else { "max" };
                let sql_type = first_type.filter(|known| !known.is_semi_structured());
                Typed { sql: format!("{engine}({})", argument(0)?.value()), sql_type }
            }
            "LISTAGG" => Typed::new(
                format!("group_concat({unique}{})", if distinct { argument(0)?.cast(TEXT, false) } else { texts() }),
                TEXT,
            ),
            "ROW_NUMBER" | "RANK" | "DENSE_RANK" | "NTILE" => Typed::new(format!("{}({})", name.to_lowercase(), raw()), NUMBER),
            "LAG" | "LEAD" | "FIRST_VALUE" | "LAST_VALUE" => {
                Typed { sql: format!("{}({})", name.to_lowercase(), raw()), sql_type: first_type }
            }
            "COALESCE" | "IFNULL" | "NVL" | "ZEROIFNULL" => {
                let fallback = if name == "ZEROIFNULL" { ", 0" } else { "" };
                let one = arguments.len() == 1 && fallback.is_empty();
                let sql = if one { raw() } else { format!("coalesce({}{fallback})", raw()) };
                Typed { sql, sql_type: arguments.iter().find_map(|argument| argument.sql_type) }
            }
            "NULLIF" => {
                let (left, right) = unify(argument(0)?, argument(1)?);
                Typed { sql: format!("nullif({left}, {right})"), sql_type: first_type }
            }
            "IFF" => Typed {
                sql: format!("CASE WHEN {} THEN {} ELSE {} END", argument(0)?.value(), argument(1)?.sql, argument(2)?.sql),
                sql_type: argument(1)?.sql_type.or(argument(2)?.sql_type),
            },
            "UPPER" | "LOWER" | "TRIM" | "LTRIM" | "RTRIM" | "REPLACE" => {
                Typed::new(format!("{}({})", name.to_lowercase(), texts()), TEXT)
            }
            "CONCAT" => Typed::new(format!("({})", texts().replace(", ", " || ")), TEXT),
            "LENGTH" | "LEN" => Typed::new(format!("length({})", argument(0)?.cast(TEXT, false)), NUMBER),
            "SUBSTR" | "SUBSTRING" | "LEFT" => {
                let text = argument(0)?.cast(TEXT, false);
                let start = if name == "LEFT" { "1, " } else { "" };
                let bounds = arguments[1..].iter().map(Typed::number).collect::<Vec<_>>().join(", ");
                Typed::new(format!("substr({text}, {start}{bounds})"), TEXT)
            }
            "RIGHT" => Typed::new(format!("substr({}, -({}))", argument(0)?.cast(TEXT, false), argument(1)?.number()), TEXT),
            "STARTSWITH" => Typed::new(format!("(instr({}) = 1)", texts()), BOOLEAN),
            "CONTAINS" => Typed::new(format!("(instr({}) > 0)", texts()), BOOLEAN),
            "ABS" => Typed { sql: format!("abs({})", argument(0)?.number()), sql_type: first_type },
            "MOD" => Typed { sql: format!("({} % {})", argument(0)?.number(), argument(1)?.number()), sql_type: first_type },
            "GREATEST" | "LEAST" => {
                let engine = if name == "GREATEST" { "max" } else { "min" };
                Typed { sql: format!("{engine}({})", values()), sql_type: first_type }
            }
            "ROUND" => {
                let digits = arguments.get(1).map_or("0", |digits| digits.sql.as_str());
                let scale = digits.parse().unwrap_or(0);
                Typed::new(format!("round({}, {digits})", argument(0)?.number()), SqlType::Number { precision: 38, scale })
            }
            "PARSE_JSON" | "TRY_PARSE_JSON" => {
                Typed::new(format!("sf_parse_json({}, {})", argument(0)?.sql, u8::from(name != "PARSE_JSON")), VARIANT)
            }
            "TO_VARIANT" | "TO_OBJECT" | "TO_ARRAY" => Typed::new(argument(0)?.cast(VARIANT, false), VARIANT),
            "TO_JSON" => Typed::new(format!("sf_json_text({})", argument(0)?.sql), TEXT),
            "TYPEOF" => Typed::new(format!("sf_typeof({})", argument(0)?.sql), TEXT),
            "ARRAY_SIZE" => Typed::new(format!("sf_array_size({})", argument(0)?.sql), NUMBER),
            "OBJECT_KEYS" => Typed::new(format!("sf_keys({})", argument(0)?.sql), SqlType::Array),
            "OBJECT_CONSTRUCT" => Typed::new(format!("sf_object({})", raw()), SqlType::Object),
            "ARRAY_CONSTRUCT" => Typed::new(format!("sf_array({})", raw()), SqlType::Array),
            "IS_NULL_VALUE" => Typed::new(format!("sf_is_null_value({})", argument(0)?.sql), BOOLEAN),
            "GET" => Typed::new(format!("sf_get({}, {})", argument(0)?.sql, argument(1)?.sql), VARIANT),
            "TO_VARCHAR" | "TO_CHAR" if arguments.len() == 1 => Typed::new(argument(0)?.cast(TEXT, false), TEXT),
            "TO_NUMBER" | "TO_DECIMAL" | "TO_NUMERIC" | "TRY_TO_NUMBER" => {
                let size = |index: usize, default| {
                    arguments.get(index).map_or(Ok(default), |text| text.sql.parse().map_err(|_| SqlError::unsupported(name)))
                };
                let to = SqlType::Number { precision: size(1, 38)?, scale: size(2, 0)? };
                Typed::new(argument(0)?.cast(to, name.starts_with("TRY")), to)
            }
            "TO_DOUBLE" | "TRY_TO_DOUBLE" => Typed::new(argument(0)?.cast(SqlType::Float, name.starts_with("TRY")), SqlType::Float),
            "TO_BOOLEAN" | "TRY_TO_BOOLEAN" => Typed::new(argument(0)?.cast(BOOLEAN, name.starts_with("TRY")), BOOLEAN),
            "TO_DATE" | "DATE" | "TRY_TO_DATE" => {
                Typed::new(argument(0)?.cast(SqlType::Date, name.starts_with("TRY")), SqlType::Date)
            }
            "TO_TIMESTAMP" | "TO_TIMESTAMP_NTZ" | "TO_TIMESTAMP_LTZ" | "TO_TIMESTAMP_TZ" => {
                let scale = arguments.get(1).map_or("NULL", |scale| scale.sql.as_str());
                Typed::new(format!("sf_to_timestamp({}, {scale})", argument(0)?.sql), SqlType::TimestampNtz)
            }
            "DATE_TRUNC" => Typed::new(format!("sf_date_trunc({})", raw()), SqlType::TimestampNtz),
            "DATE_PART" => Typed::new(format!("sf_date_part({})", raw()), NUMBER),
            "DATEADD" | "TIMESTAMPADD" => Typed::new(format!("sf_date_add({})", raw()), SqlType::TimestampNtz),
            "DATEDIFF" | "TIMESTAMPDIFF" => Typed::new(format!("sf_date_diff({})", raw()), NUMBER),
            "CURRENT_TIMESTAMP" | "SYSDATE" | "GETDATE" | "LOCALTIMESTAMP" => Typed::new("sf_now()", SqlType::TimestampNtz),
            "CURRENT_DATE" => Typed::new("substr(sf_now(), 1, 10)", SqlType::Date),
            "CURRENT_DATABASE" => text_or_null(&session.database),
            "CURRENT_SCHEMA" => text_or_null(&session.schema),
            "CURRENT_WAREHOUSE" => text_or_null(&session.warehouse),
            "CURRENT_USER" => Typed::new(literal(&session.user), TEXT),
            "CURRENT_ROLE" => Typed::new(literal(&session.role), TEXT),
            "CURRENT_ACCOUNT" | "CURRENT_ACCOUNT_NAME" => Typed::new("'SANDBOX'", TEXT),
            "CURRENT_VERSION" => Typed::new("'9.0.0'", TEXT),
            "CURRENT_SESSION" => Typed::new("'1'", TEXT),
            other => return Err(SqlError::function(other)),
        })
    }
}

fn is_date_function(name: &str) -> bool {
    matches!(name, "DATE_TRUNC" | "DATE_PART" | "DATEADD" | "DATEDIFF" | "TIMESTAMPADD" | "TIMESTAMPDIFF")
}
