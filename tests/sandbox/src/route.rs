//! Which call a request is: its kind, as faults and the request log name it, and the objects its path names.

use axum::http::Method;

/// A pipe as a URI names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PipePath {
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) pipe: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Hostname,
    Token,
    PipeInfo(PipePath),
    Status(PipePath),
    Open(PipePath, String),
    Drop(PipePath, String),
    Append(PipePath, String),
    FileBuffer(PipePath),
    /// Rows for a table without naming a channel: database, schema, table.
    TableRows(String, String, String),
    Telemetry,
    Statement,
    StatementResult(String),
    StatementCancel(String),
    Login,
    Query,
    Session,
    RenewSession,
    Heartbeat,
    Abort,
    Sandbox(String),
    Unknown,
    WrongMethod,
}

impl Route {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let raw: Vec<&str> = path.trim_matches('/').split('/').collect();
        if raw[0] == "sandbox" {
            return Self::Sandbox(raw[1..].join("/"));
        }
        let Some(segments) = raw.iter().map(|segment| percent_decode(segment)).collect::<Option<Vec<_>>>() else {
            return Self::Unknown;
        };
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (route, expected) = match segments.as_slice() {
            ["v2", "streaming", "hostname"] => (Self::Hostname, Method::GET),
            ["oauth", "token"] => (Self::Token, Method::POST),
            ["v2", "streaming", "databases", database, "schemas", schema, "pipes", last] => {
                let pipe = |pipe: &str| PipePath { database: (*database).into(), schema: (*schema).into(), pipe: pipe.into() };
                if let Some(name) = last.strip_suffix(":pipe-info") {
                    (Self::PipeInfo(pipe(name)), Method::POST)
                } else if let Some(name) = last.strip_suffix(":bulk-channel-status") {
                    (Self::Status(pipe(name)), Method::POST)
                } else {
                    return Self::Unknown;
                }
            }
            ["v2", "streaming", "databases", database, "schemas", schema, "pipes", pipe, "channels", channel] => {
                let pipe = PipePath { database: (*database).into(), schema: (*schema).into(), pipe: (*pipe).into() };
                match *method {
                    Method::PUT => return Self::Open(pipe, (*channel).into()),
                    Method::DELETE => return Self::Drop(pipe, (*channel).into()),
                    _ => return Self::WrongMethod,
                }
            }
            ["v2", "streaming", "data", "databases", database, "schemas", schema, "pipes", pipe, "channels", channel, what] => {
                let pipe = PipePath { database: (*database).into(), schema: (*schema).into(), pipe: (*pipe).into() };
                match *what {
                    "rows" => (Self::Append(pipe, (*channel).into()), Method::POST),
                    "filebuffer" => (Self::FileBuffer(pipe), Method::POST),
                    _ => return Self::Unknown,
                }
            }
            ["v2", "streaming", "data", "databases", database, "schemas", schema, "tables", table, "rows"] => {
                (Self::TableRows((*database).into(), (*schema).into(), (*table).into()), Method::POST)
            }
            ["telemetry", ..] => (Self::Telemetry, Method::POST),
            ["api", "v2", "statements"] => (Self::Statement, Method::POST),
            ["api", "v2", "statements", handle] => (Self::StatementResult((*handle).into()), Method::GET),
            ["api", "v2", "statements", handle, "cancel"] => (Self::StatementCancel((*handle).into()), Method::POST),
            ["session", "v1", "login-request"] => (Self::Login, Method::POST),
            ["session", "token-request"] => (Self::RenewSession, Method::POST),
            ["session", "heartbeat"] => (Self::Heartbeat, Method::POST),
            ["session"] => (Self::Session, Method::POST),
            ["queries", "v1", "query-request"] => (Self::Query, Method::POST),
            ["queries", "v1", "abort-request"] => (Self::Abort, Method::POST),
            _ => return Self::Unknown,
        };
        if *method == expected { route } else { Self::WrongMethod }
    }

    /// The name that fault scripts and the request log use.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Hostname => "hostname",
            Self::Token => "token",
            Self::PipeInfo(_) => "pipe-info",
            Self::Status(_) => "status",
            Self::Open(..) => "open",
            Self::Drop(..) => "drop",
            Self::Append(..) => "append",
            Self::FileBuffer(_) => "filebuffer",
            Self::TableRows(..) => "elastic",
            Self::Telemetry => "telemetry",
            Self::Statement => "statement",
            Self::StatementResult(_) => "statement-result",
            Self::StatementCancel(_) => "statement-cancel",
            Self::Login => "login",
            Self::Query => "query",
            Self::Session => "session",
            Self::RenewSession => "token-request",
            Self::Heartbeat => "heartbeat",
            Self::Abort => "abort",
            Self::Sandbox(_) => "sandbox",
            Self::Unknown | Self::WrongMethod => "other",
        }
    }
}

/// Decodes `%41` and leaves everything else; nothing when the result is not UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads `a=1&b=x+y`.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(&name.replace('+', " "))?, percent_decode(&value.replace('+', " "))?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_path_are_decoded() {
        let path = "/v2/streaming/data/databases/D/schemas/S/pipes/T-STREAMING/channels/a%2Fb%20%C3%A9/rows";
        let pipe = PipePath { database: "D".to_owned(), schema: "S".to_owned(), pipe: "T-STREAMING".to_owned() };
        assert_eq!(Route::of(&Method::POST, path), Route::Append(pipe, "a/b é".to_owned()));
    }

    #[test]
    fn one_path_opens_and_drops_by_its_method() {
        let path = "/v2/streaming/databases/D/schemas/S/pipes/P/channels/c";
        assert_eq!(Route::of(&Method::PUT, path).kind(), "open");
        assert_eq!(Route::of(&Method::DELETE, path).kind(), "drop");
        assert_eq!(Route::of(&Method::GET, path), Route::WrongMethod);
    }

    #[test]
    fn the_actions_of_a_pipe_are_told_by_their_suffix() {
        assert_eq!(Route::of(&Method::POST, "/v2/streaming/databases/D/schemas/S/pipes/P:pipe-info").kind(), "pipe-info");
        assert_eq!(Route::of(&Method::POST, "/v2/streaming/databases/D/schemas/S/pipes/P:bulk-channel-status").kind(), "status");
        assert_eq!(Route::of(&Method::GET, "/v2/streaming/hostname").kind(), "hostname");
        assert_eq!(Route::of(&Method::POST, "/nowhere"), Route::Unknown);
    }

    #[test]
    fn a_form_is_decoded() {
        let expected = [("grant_type", "urn:ietf:x"), ("scope", "a b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form("grant_type=urn%3Aietf%3Ax&scope=a+b"), expected);
    }
}
