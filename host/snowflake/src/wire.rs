//! Requests and answers exactly as they stand on the wire, and the names in them.
//!
//! Paths and parameters follow the order and the escaping of Snowflake's own client. Answers are read liberally where the official
//! documents disagree about them, and strictly where a misreading would cost a record: a continuation token and an offset token are
//! either there and right, or the answer counts as not understood.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use snowgate_record::{Offset, OffsetRange};
use uuid::Uuid;

use crate::error::{self, Failure};
use crate::offset_token;

/// The only status code that means a usable channel.
const SUCCESS: &str = "SUCCESS";

/// A pipe and where it is. Names are as Snowflake stores them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PipeName {
    pub database: String,
    pub schema: String,
    pub pipe: String,
}

impl fmt::Display for PipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}.{}.{}`", self.database, self.schema, self.pipe)
    }
}

/// A channel of a pipe.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelName {
    pub pipe: Arc<PipeName>,
    pub channel: String,
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of pipe {}", self.channel, self.pipe)
    }
}

/// Snowflake's permission for the next append to a channel. It stands for the channel's owner and place, and is never looked into.
#[derive(Clone, PartialEq, Eq)]
pub struct ContinuationToken(String);

impl ContinuationToken {
    #[cfg(test)]
    pub(crate) fn new(text: impl Into<String>) -> ContinuationToken {
        ContinuationToken(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ContinuationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContinuationToken(..)")
    }
}

/// What Snowflake says about a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStatus {
    /// `SUCCESS`, or why the channel is no longer valid.
    pub status_code: String,
    /// The last offset whose rows are in the table.
    pub committed_offset: Option<Offset>,
    /// When the channel was created, in milliseconds since 1970. A later time than before means that it was dropped meanwhile.
    pub created_on_ms: Option<i64>,
    pub rows_inserted: u64,
    pub rows_parsed: u64,
    /// Rows that Snowflake took and then could not load; the committed offset passes over them.
    pub rows_error_count: u64,
    pub last_error_message: Option<String>,
    /// The offset token up to which the last such row lies.
    pub last_error_offset_upper_bound: Option<String>,
    pub average_latency_ms: Option<u64>,
}

impl ChannelStatus {
    pub fn is_success(&self) -> bool {
        self.status_code == SUCCESS
    }

    /// What a status other than success means for the channel.
    pub fn failure(&self) -> Option<Failure> {
        (!self.is_success()).then(|| error::of_channel_code(&self.status_code))
    }
}

/// A channel just opened.
#[derive(Debug, Clone)]
pub struct OpenedChannel {
    pub continuation: ContinuationToken,
    pub status: ChannelStatus,
}

/// One append: the rows of one sealed body.
#[derive(Clone)]
pub struct Append {
    pub channel: ChannelName,
    pub continuation: ContinuationToken,
    /// The offsets that are settled once these rows are committed.
    pub range: OffsetRange,
    /// The rows as NDJSON, compressed with zstd.
    pub body: Arc<[u8]>,
    /// Bytes of the rows before compression.
    pub raw_bytes: u64,
    /// The same for every attempt at this append.
    pub request_id: Uuid,
    /// How many attempts came before this one.
    pub attempt: u32,
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Append")
            .field("channel", &self.channel)
            .field("range", &self.range)
            .field("bytes", &self.body.len())
            .field("request_id", &self.request_id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// What one SQL statement answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementResult {
    pub message: Option<String>,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

impl StatementResult {
    /// The values of one column; its name counts in any case.
    pub fn column(&self, name: &str) -> Option<impl Iterator<Item = Option<&str>>> {
        let index = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
        Some(self.rows.iter().map(move |row| row.get(index).and_then(Option::as_deref)))
    }
}

// ---- paths and parameters

pub(crate) const HOSTNAME_PATH: &str = "/v2/streaming/hostname";
pub(crate) const TOKEN_PATH: &str = "/oauth/token";
pub(crate) const STATEMENTS_PATH: &str = "/api/v2/statements";

pub(crate) fn pipe_path(pipe: &PipeName) -> String {
    let PipeName { database, schema, pipe } = pipe;
    format!("/v2/streaming/databases/{}/schemas/{}/pipes/{}", escape(database), escape(schema), escape(pipe))
}

pub(crate) fn channel_path(channel: &ChannelName) -> String {
    format!("{}/channels/{}", pipe_path(&channel.pipe), escape(&channel.channel))
}

pub(crate) fn status_path(pipe: &PipeName) -> String {
    format!("{}:bulk-channel-status", pipe_path(pipe))
}

/// Rows have a path of their own, with `data` in it.
pub(crate) fn append_path(append: &Append) -> String {
    let channel = channel_path(&append.channel);
    let rest = channel.strip_prefix("/v2/streaming").expect("every path begins like this");
    format!(
        "/v2/streaming/data{rest}/rows?startOffsetToken={}&endOffsetToken={}&continuationToken={}",
        offset_token::to_text(append.range.first()),
        offset_token::to_text(append.range.last()),
        escape(append.continuation.as_str()),
    )
}

pub(crate) fn statement_path(handle: &str) -> String {
    format!("{STATEMENTS_PATH}/{}", escape(handle))
}

/// A path with what every call carries last: an id that all attempts share, and how many attempts came before.
pub(crate) fn with_request_id(path: &str, request_id: Uuid, retry_count: u32) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}requestId={request_id}&retryCount={retry_count}")
}

/// Percent-encodes all but letters, digits, `-`, `.`, `_` and `~`.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(byte as char);
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

// ---- request bodies

pub(crate) fn token_form(ingest_host: &str) -> String {
    format!("grant_type={}&scope={}", escape("urn:ietf:params:oauth:grant-type:jwt-bearer"), escape(ingest_host))
}

pub(crate) fn open_body(fail_on_uncommitted_rows: bool) -> String {
    format!(r#"{{"fail_on_uncommitted_rows":{fail_on_uncommitted_rows}}}"#)
}

/// Opens a channel that takes `committed` for its committed offset.
pub(crate) fn open_at_body(committed: Offset) -> String {
    format!(r#"{{"offset_token":"{}","fail_on_uncommitted_rows":true}}"#, offset_token::to_text(committed))
}

pub(crate) fn status_body(channels: &[String]) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        channel_names: &'a [String],
    }
    serde_json::to_string(&Body { channel_names: channels }).expect("texts always serialise")
}

pub(crate) fn statement_body(statement: &str, role: Option<&str>, warehouse: Option<&str>) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        statement: &'a str,
        timeout: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        role: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        warehouse: Option<&'a str>,
    }
    let body = Body { statement, timeout: crate::client::STATEMENT_SECONDS, role, warehouse };
    serde_json::to_string(&body).expect("texts and numbers always serialise")
}

// ---- answers: `Err` says what is not understood, without quoting it

/// A refusal's `code` and `message`, each where it is there and of the right kind.
pub(crate) fn parse_refusal(body: &[u8]) -> (Option<String>, Option<String>) {
    #[derive(Deserialize)]
    struct Refusal {
        code: Option<serde_json::Value>,
        message: Option<serde_json::Value>,
    }
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else { return (None, None) };
    let code = match refusal.code {
        Some(serde_json::Value::String(text)) => error::as_code(&text),
        Some(serde_json::Value::Number(number)) => error::as_code(&number.to_string()),
        _ => None,
    };
    let message = refusal.message.as_ref().and_then(serde_json::Value::as_str);
    (code, message.map(str::to_owned))
}

/// A bare text, or the field of an object: Snowflake's documents show the one and its clients take the other.
fn parse_text(body: &[u8], fields: &[&str]) -> Result<String, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not text".to_owned())?.trim();
    if text.starts_with(['{', '"']) {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|_| "the answer is neither text nor JSON".to_owned())?;
        let field = fields.iter().find_map(|field| value.get(field)).unwrap_or(&value);
        return field.as_str().map(str::to_owned).ok_or_else(|| format!("the answer has no `{}`", fields[0]));
    }
    Ok(text.to_owned())
}

pub(crate) fn parse_hostname(body: &[u8]) -> Result<String, String> {
    let host = parse_text(body, &["hostname"])?;
    let fits = (1..=253).contains(&host.len())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if fits { Ok(host) } else { Err("the answer is not a host name".to_owned()) }
}

pub(crate) fn parse_token(body: &[u8]) -> Result<String, String> {
    let token = parse_text(body, &["token", "access_token"])?;
    let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(token) } else { Err("the answer is not a token".to_owned()) }
}

#[derive(Deserialize)]
struct StatusAnswer {
    channel_name: Option<String>,
    channel_status_code: Option<String>,
    last_committed_offset_token: Option<String>,
    created_on_ms: Option<i64>,
    rows_inserted: Option<u64>,
    rows_parsed: Option<u64>,
    // One thing under two names, depending on the page of the documentation.
    rows_error_count: Option<u64>,
    rows_errors: Option<u64>,
    last_error_message: Option<String>,
    last_error_offset_upper_bound: Option<String>,
    snowflake_avg_processing_latency_ms: Option<u64>,
}

/// Why a status cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadStatus {
    NotUnderstood(String),
    ForeignOffsetToken(String),
}

impl StatusAnswer {
    fn read(self, channel: &str) -> Result<ChannelStatus, BadStatus> {
        if self.channel_name.is_some_and(|name| !name.eq_ignore_ascii_case(channel)) {
            return Err(BadStatus::NotUnderstood("the answer is about another channel".to_owned()));
        }
        let status_code = self
            .channel_status_code
            .ok_or_else(|| BadStatus::NotUnderstood("the answer has no `channel_status_code`".to_owned()))?;
        Ok(ChannelStatus {
            // A code of another form still means that the channel is not usable.
            status_code: error::as_code(&status_code).unwrap_or_else(|| "UNREADABLE".to_owned()),
            committed_offset: parse_offset_token(self.last_committed_offset_token.as_deref())?,
            created_on_ms: self.created_on_ms,
            rows_inserted: self.rows_inserted.unwrap_or(0),
            rows_parsed: self.rows_parsed.unwrap_or(0),
            rows_error_count: self.rows_error_count.or(self.rows_errors).unwrap_or(0),
            last_error_message: self.last_error_message.as_deref().map(error::scrub),
            last_error_offset_upper_bound: self.last_error_offset_upper_bound,
            average_latency_ms: self.snowflake_avg_processing_latency_ms,
        })
    }
}

fn parse_offset_token(text: Option<&str>) -> Result<Option<Offset>, BadStatus> {
    text.map(|text| offset_token::parse(text).map_err(|_| BadStatus::ForeignOffsetToken(error::scrub(text)))).transpose()
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "the answer lacks a field or has one of another type".to_owned(),
        _ => "the answer is not JSON".to_owned(),
    })
}

pub(crate) fn parse_opened(body: &[u8], channel: &str) -> Result<OpenedChannel, BadStatus> {
    #[derive(Deserialize)]
    struct Opened {
        next_continuation_token: String,
        channel_status: StatusAnswer,
    }
    let opened: Opened = parse(body).map_err(BadStatus::NotUnderstood)?;
    Ok(OpenedChannel {
        continuation: ContinuationToken(opened.next_continuation_token),
        status: opened.channel_status.read(channel)?,
    })
}

pub(crate) fn parse_appended(body: &[u8]) -> Result<ContinuationToken, String> {
    #[derive(Deserialize)]
    struct Appended {
        next_continuation_token: String,
    }
    parse::<Appended>(body).map(|appended| ContinuationToken(appended.next_continuation_token))
}

/// The statuses by channel name; on a bad one, the name of its channel.
pub(crate) fn parse_statuses(body: &[u8]) -> Result<HashMap<String, ChannelStatus>, (String, BadStatus)> {
    #[derive(Deserialize)]
    struct Statuses {
        channel_statuses: HashMap<String, StatusAnswer>,
    }
    let statuses: Statuses = parse(body).map_err(|text| (String::new(), BadStatus::NotUnderstood(text)))?;
    let read = |(name, status): (String, StatusAnswer)| match status.read(&name) {
        Ok(status) => Ok((name, status)),
        Err(bad) => Err((name, bad)),
    };
    statuses.channel_statuses.into_iter().map(read).collect()
}

/// The offset that a dropped channel had committed; Snowflake's documents promise no body at all.
pub(crate) fn parse_dropped(body: &[u8]) -> Result<Option<Offset>, BadStatus> {
    #[derive(Deserialize)]
    struct Dropped {
        last_committed_offset_token: Option<String>,
    }
    match serde_json::from_slice::<Dropped>(body) {
        Ok(dropped) => parse_offset_token(dropped.last_committed_offset_token.as_deref()),
        Err(_) => Ok(None),
    }
}

/// The handle of a statement that is still running.
pub(crate) fn parse_running(body: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Running {
        statement_handle: String,
    }
    parse::<Running>(body).map(|running| running.statement_handle)
}

pub(crate) fn parse_statement(body: &[u8]) -> Result<StatementResult, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        message: Option<String>,
        result_set_meta_data: Option<MetaData>,
        data: Option<Vec<Vec<Option<String>>>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct MetaData {
        row_type: Option<Vec<Column>>,
        partition_info: Option<Vec<serde::de::IgnoredAny>>,
    }
    #[derive(Deserialize)]
    struct Column {
        name: String,
    }
    let answer: Answer = parse(body)?;
    let meta_data = answer.result_set_meta_data.unwrap_or(MetaData { row_type: None, partition_info: None });
    if meta_data.partition_info.is_some_and(|parts| parts.len() > 1) {
        return Err("the result has more rows than one answer holds".to_owned());
    }
    Ok(StatementResult {
        message: answer.message.as_deref().map(error::scrub),
        columns: meta_data.row_type.unwrap_or_default().into_iter().map(|column| column.name).collect(),
        rows: answer.data.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
