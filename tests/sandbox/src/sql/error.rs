//! What is wrong with a statement, by Snowflake's numbers: clients act on the code and the SQL state, people read the message.

/// Marks an error that a function raised inside the engine: `sf|code|state|message`.
const MARK: &str = "sf|";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({state}): {message}")]
pub(crate) struct SqlError {
    pub(crate) code: String,
    pub(crate) state: String,
    pub(crate) message: String,
}

impl SqlError {
    pub(crate) fn new(code: &str, state: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), state: state.to_owned(), message: message.into() }
    }

    pub(crate) fn syntax(detail: &str) -> Self {
        Self::new("001003", "42000", format!("SQL compilation error:\nsyntax error: {detail}"))
    }

    pub(crate) fn unsupported(what: &str) -> Self {
        Self::new("000002", "0A000", format!("Unsupported feature '{what}'."))
    }

    pub(crate) fn no_object(kind: &str, name: &str) -> Self {
        let state = if kind == "Database" || kind == "Schema" { "02000" } else { "42S02" };
        Self::new("002003", state, format!("SQL compilation error:\n{kind} '{name}' does not exist or not authorized."))
    }

    /// SHOW in a database or schema that is not there, which it does not name.
    pub(crate) fn no_place() -> Self {
        Self::new("002043", "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed.")
    }

    pub(crate) fn exists(name: &str) -> Self {
        Self::new("002002", "42710", format!("SQL compilation error:\nObject '{name}' already exists."))
    }

    pub(crate) fn identifier(name: &str) -> Self {
        Self::new("000904", "42000", format!("SQL compilation error: error line 1 at position 0\ninvalid identifier '{name}'"))
    }

    pub(crate) fn function(name: &str) -> Self {
        Self::new("002140", "42601", format!("SQL compilation error:\nUnknown function {name}"))
    }

    pub(crate) fn not_numeric(text: &str) -> Self {
        Self::new("100038", "22018", format!("Numeric value '{text}' is not recognized"))
    }

    pub(crate) fn division_by_zero() -> Self {
        Self::new("100051", "22012", "Division by zero")
    }

    /// As a function inside the engine raises it.
    pub(crate) fn raise(self) -> rusqlite::Error {
        rusqlite::Error::UserFunctionError(format!("{MARK}{}|{}|{}", self.code, self.state, self.message).into())
    }

    /// What the engine says, in Snowflake's numbers.
    pub(crate) fn from_engine(error: &rusqlite::Error) -> Self {
        let text = match error {
            rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            other => other.to_string(),
        };
        let mut marked = text.strip_prefix(MARK).unwrap_or("").splitn(3, '|');
        if let (Some(code), Some(state), Some(message)) = (marked.next(), marked.next(), marked.next()) {
            return Self::new(code, state, message);
        }
        if let Some(column) = text.strip_prefix("no such column: ") {
            return Self::identifier(&super::names::decode(column.trim_matches('"')));
        }
        if let Some(name) = text.strip_prefix("ambiguous column name: ") {
            let name = super::names::decode(name);
            return Self::new("000919", "42601", format!("SQL compilation error:\nambiguous column name '{name}'"));
        }
        if text.contains("aggregate") {
            return Self::new("000979", "42601", format!("SQL compilation error:\n{text}"));
        }
        Self::new("001003", "42000", format!("SQL compilation error:\n{text}"))
    }
}
