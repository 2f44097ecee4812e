//! Snowflake's column types: how they are written, shown, sent to a driver, and which JSON values they take from a row.

use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqlType {
    Number { precision: u8, scale: u8 },
    Float,
    Text { length: u32 },
    Boolean,
    Variant,
    Object,
    Array,
    Date,
    Time,
    TimestampNtz,
    TimestampLtz,
    TimestampTz,
    Binary,
}

pub(crate) const NUMBER: SqlType = SqlType::Number { precision: 38, scale: 0 };
pub(crate) const MAX_TEXT: u32 = 16_777_216;
pub(crate) const TEXT: SqlType = SqlType::Text { length: MAX_TEXT };

impl SqlType {
    /// Reads a type's name with its arguments, `("NUMBER", [10, 2])`.
    pub(crate) fn parse(name: &str, arguments: &[u32]) -> Option<Self> {
        let argument = |index: usize, default: u32| arguments.get(index).copied().unwrap_or(default);
        Some(match name.to_ascii_uppercase().as_str() {
            "NUMBER" | "DECIMAL" | "DEC" | "NUMERIC" => Self::Number {
                precision: u8::try_from(argument(0, 38)).ok().filter(|p| *p <= 38)?,
                scale: u8::try_from(argument(1, 0)).ok().filter(|s| *s <= 37)?,
            },
            "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "BYTEINT" => NUMBER,
            "FLOAT" | "FLOAT4" | "FLOAT8" | "DOUBLE" | "DOUBLE PRECISION" | "REAL" => Self::Float,
            "VARCHAR" | "STRING" | "TEXT" | "NVARCHAR" | "NVARCHAR2" | "CHAR VARYING" => {
                Self::Text { length: argument(0, MAX_TEXT) }
            }
            "CHAR" | "CHARACTER" | "NCHAR" => Self::Text { length: argument(0, 1) },
            "BOOLEAN" => Self::Boolean,
            "VARIANT" => Self::Variant,
            "OBJECT" => Self::Object,
            "ARRAY" => Self::Array,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "TIMESTAMP" | "DATETIME" | "TIMESTAMP_NTZ" | "TIMESTAMPNTZ" | "TIMESTAMP WITHOUT TIME ZONE" => Self::TimestampNtz,
            "TIMESTAMP_LTZ" | "TIMESTAMPLTZ" | "TIMESTAMP WITH LOCAL TIME ZONE" => Self::TimestampLtz,
            "TIMESTAMP_TZ" | "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => Self::TimestampTz,
            "BINARY" | "VARBINARY" => Self::Binary,
            _ => return None,
        })
    }

    /// Reads a type as it is written, `NUMBER(10, 2)`.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (name, arguments) = text.split_once('(').unwrap_or((text, ""));
        let numbers = arguments.trim_end_matches(')').split(',').filter(|part| !part.trim().is_empty());
        Self::parse(name.trim(), &numbers.map(|part| part.trim().parse().ok()).collect::<Option<Vec<u32>>>()?)
    }

    /// As DESCRIBE TABLE shows it.
    pub(crate) fn shown(self) -> String {
        match self {
            Self::Number { precision, scale } => format!("NUMBER({precision},{scale})"),
            Self::Float => "FLOAT".to_owned(),
            Self::Text { length } => format!("VARCHAR({length})"),
            Self::Boolean => "BOOLEAN".to_owned(),
            Self::Variant => "VARIANT".to_owned(),
            Self::Object => "OBJECT".to_owned(),
            Self::Array => "ARRAY".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::Time => "TIME(9)".to_owned(),
            Self::TimestampNtz => "TIMESTAMP_NTZ(9)".to_owned(),
            Self::TimestampLtz => "TIMESTAMP_LTZ(9)".to_owned(),
            Self::TimestampTz => "TIMESTAMP_TZ(9)".to_owned(),
            Self::Binary => "BINARY(8388608)".to_owned(),
        }
    }

    /// The type's name in a result's description, for the drivers and the SQL API.
    pub(crate) fn wire_name(self) -> &'static str {
        match self {
            Self::Number { .. } => "fixed",
            Self::Float => "real",
            Self::Text { .. } => "text",
            Self::Boolean => "boolean",
            Self::Variant => "variant",
            Self::Object => "object",
            Self::Array => "array",
            Self::Date => "date",
            Self::Time => "time",
            Self::TimestampNtz => "timestamp_ntz",
            Self::TimestampLtz => "timestamp_ltz",
            Self::TimestampTz => "timestamp_tz",
            Self::Binary => "binary",
        }
    }

    /// One entry of a result's `rowType`.
    pub(crate) fn describe(self, name: &str, nullable: bool) -> Value {
        let (precision, scale, length) = match self {
            Self::Number { precision, scale } => (Some(precision), Some(scale), None),
            Self::Text { length } => (None, None, Some(length)),
            Self::Time | Self::TimestampNtz | Self::TimestampLtz | Self::TimestampTz => (Some(0), Some(9), None),
            _ => (None, None, None),
        };
        json!({"name": name, "database": "", "schema": "", "table": "", "type": self.wire_name(), "precision": precision,
            "scale": scale, "length": length, "byteLength": length, "nullable": nullable, "collation": null})
    }

    /// Holds JSON, so that paths lead into it.
    pub(crate) fn is_semi_structured(self) -> bool {
        matches!(self, Self::Variant | Self::Object | Self::Array)
    }

    pub(crate) fn is_timestamp(self) -> bool {
        matches!(self, Self::TimestampNtz | Self::TimestampLtz | Self::TimestampTz)
    }

    /// Whether a column of this type takes the JSON value when rows are loaded; `value` is valid JSON and not `null`.
    pub(crate) fn takes(self, value: &[u8]) -> Result<(), &'static str> {
        let first = value.first().copied().unwrap_or(b' ');
        let ok = match self {
            Self::Variant | Self::Array => true,
            Self::Object => first == b'{',
            Self::Text { .. } => !matches!(first, b'{' | b'['),
            Self::Number { .. } | Self::Float => match first {
                b'"' => crate::json::string(value).is_some_and(|text| text.trim().parse::<f64>().is_ok()),
                b'{' | b'[' | b't' | b'f' => false,
                _ => true,
            },
            Self::Boolean => match first {
                b't' | b'f' => true,
                b'"' => crate::json::string(value)
                    .is_some_and(|text| ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word))),
                _ => false,
            },
            Self::Date | Self::Time | Self::TimestampNtz | Self::TimestampLtz | Self::TimestampTz => {
                matches!(first, b'"' | b'0'..=b'9' | b'-')
            }
            Self::Binary => first == b'"',
        };
        if ok { Ok(()) } else { Err("a value does not fit the type of its column") }
    }

    /// The type of a column that schema evolution makes for a value; nothing for `null`.
    pub(crate) fn infer(value: &[u8]) -> Option<Self> {
        match value.first()? {
            b'"' => Some(TEXT),
            b't' | b'f' => Some(Self::Boolean),
            b'{' | b'[' => Some(Self::Variant),
            b'n' => None,
            _ if value.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => Some(Self::Float),
            _ => Some(NUMBER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_and_shown_as_snowflake_does() {
        for (name, arguments, shown) in [
            ("number", &[][..], "NUMBER(38,0)"),
            ("decimal", &[10, 2][..], "NUMBER(10,2)"),
            ("int", &[][..], "NUMBER(38,0)"),
            ("string", &[][..], "VARCHAR(16777216)"),
            ("varchar", &[20][..], "VARCHAR(20)"),
            ("timestamp", &[][..], "TIMESTAMP_NTZ(9)"),
            ("double", &[][..], "FLOAT"),
            ("variant", &[][..], "VARIANT"),
        ] {
            assert_eq!(SqlType::parse(name, arguments).unwrap().shown(), shown);
        }
        assert_eq!(SqlType::parse("nonsense", &[]), None);
    }

    #[test]
    fn a_column_refuses_what_its_type_cannot_hold() {
        assert!(NUMBER.takes(b"12").is_ok());
        assert!(NUMBER.takes(b"\"12.5\"").is_ok());
        assert!(NUMBER.takes(b"\"abc\"").is_err());
        assert!(NUMBER.takes(b"true").is_err());
        assert!(SqlType::Boolean.takes(b"1").is_err());
        assert!(SqlType::Object.takes(b"[]").is_err());
        assert!(SqlType::Variant.takes(b"[]").is_ok());
    }

    #[test]
    fn evolution_infers_a_type_from_the_first_value() {
        assert_eq!(SqlType::infer(b"1"), Some(NUMBER));
        assert_eq!(SqlType::infer(b"1.5"), Some(SqlType::Float));
        assert_eq!(SqlType::infer(b"\"x\""), Some(TEXT));
        assert_eq!(SqlType::infer(b"null"), None);
    }
}
