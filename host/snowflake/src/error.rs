//! What can go wrong between Snowgate and Snowflake, and what that means.
//!
//! An [`Error`] says what was asked and, as its source, why it failed. [`Error::outcome`] is the fact that a delivery decision rests on:
//! was the request applied, not applied, or does nobody know? [`Error::class`] is the decision itself.
//!
//! What must stay true: what may have been applied is never called "not applied"; and no text holds a token, a key or a record.

use std::fmt;
use std::time::Duration;

use snowgate_record::ErrorClass;

/// Longest part of a server's message that is shown.
const MESSAGE_CHARS: usize = 400;
/// Words of base64 this long are tokens or keys; names and ids are shorter.
const SECRET_CHARS: usize = 80;
/// Errors of the account that name a rule about addresses, not a privilege.
const NETWORK_POLICY_CODE: &str = "390422";

/// The requests that Snowgate sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// Which host takes rows.
    Hostname,
    /// A token for that host.
    Token,
    Open,
    Append,
    Status,
    Drop,
    /// One SQL statement.
    Statement,
}

/// A request, as far as a person needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub call: Call,
    /// Host and port that it went to.
    pub host: String,
    /// The channel, pipe, host or statement that it was about.
    pub object: String,
}

impl Asked {
    pub(crate) fn new(call: Call, host: impl Into<String>, object: impl fmt::Display) -> Asked {
        Asked { call, host: host.into(), object: object.to_string() }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asked { call, object, .. } = self;
        match call {
            Call::Hostname => write!(f, "could not ask Snowflake for the host that takes rows"),
            Call::Token => write!(f, "could not get a token for `{object}`"),
            Call::Open => write!(f, "could not open channel {object}"),
            Call::Append => write!(f, "could not append rows to channel {object}"),
            Call::Status => write!(f, "could not read the status of channels of pipe {object}"),
            Call::Drop => write!(f, "could not drop channel {object}"),
            Call::Statement => write!(f, "could not run `{object}`"),
        }
    }
}

/// An answer that is a refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Answer {
    pub host: String,
    pub status: u16,
    /// Snowflake's own code, where it gave one.
    pub code: Option<String>,
    /// Snowflake's words, shortened and with anything that looks like a secret taken out.
    pub message: Option<String>,
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` answered {}", self.host, self.status)?;
        if let Some(code) = &self.code {
            write!(f, " `{code}`")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

/// Why no answer came, or none that could be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{host}`: {text}")]
pub struct NoAnswer {
    pub host: String,
    pub text: String,
}

/// Who tried to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub account: String,
    pub user: String,
    pub fingerprint: String,
    /// Seconds that Snowflake's clock is ahead of ours, where that is far enough to matter.
    pub clock_skew: Option<i64>,
}

/// What went wrong. The text says what was asked; the source says why it failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Snowflake answered, with a refusal.
    #[error("{asked}")]
    Refused { asked: Asked, source: Box<Answer> },

    /// Snowflake did not take the key-pair login, with a fresh login token and the key as it is now.
    #[error("user `{}` could not log in to account `{}`", login.user, login.account)]
    LoginRefused { asked: Asked, login: Box<Login>, source: Box<Answer> },

    /// The answer was a success that cannot be understood.
    #[error("{asked}")]
    NotUnderstood { asked: Asked, source: NoAnswer },

    /// The connection ended, or time ran out, before the answer was there.
    #[error("{asked}")]
    Lost { asked: Asked, source: NoAnswer },

    /// There was no connection to send on.
    #[error("{asked}")]
    Unreachable { asked: Asked, source: NoAnswer },

    /// The other side could not prove who it is, or does not speak TLS.
    #[error("{asked}")]
    Tls { asked: Asked, source: NoAnswer },

    /// Sending rows and a token to this host would hand them to a stranger.
    #[error("`{host}` named `{answered}` as the host that takes rows, which is not of the same domain")]
    ForeignHost { host: String, answered: String },

    /// Snowflake answered the open, but says that the channel cannot be used.
    #[error("channel {channel} was opened but is not usable: `{code}`")]
    ChannelUnusable { channel: String, code: String },

    /// The channel's offset token is not one of ours: another program loads through it.
    #[error("channel {channel} holds the offset token `{token}`, which is not a Kafka offset")]
    ForeignOffsetToken { channel: String, token: String },

    /// The HTTP client could not be built.
    #[error("the HTTP client could not be set up: {reason}")]
    Setup { reason: String },
}

/// What became of a request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Applied or not, nobody knows: timeout, reset, 408, 5xx, a 404 from something in between, a success that makes no sense.
    Unknown,
    /// Not applied; asked for again after a while.
    Throttled { retry_after: Option<Duration> },
    /// Not applied: the channel, or our continuation token for it, is no longer valid. Opening it anew tells more.
    ChannelInvalid { code: String },
    /// The pipe moved to another host: log in anew and open the channel anew.
    PipeFailedOver,
    /// Database, schema, table, pipe or account is not there, or hidden from the role.
    ObjectMissing,
    /// The login is refused, also with a fresh token.
    Unauthorized,
    /// The login is fine, but lacks a privilege.
    Forbidden,
    /// Not applied: the body is larger than Snowflake takes.
    TooLarge,
    /// Not applied: Snowflake does not accept this request as it is.
    BadRequest,
    /// Nothing was sent.
    Unreachable,
    /// Nothing was sent, for the other side could not prove who it is.
    Tls,
    /// The channel still holds rows that are not committed: wait, then open it anew.
    UncommittedRows,
    /// A person must look: another program's channel, a host of another domain.
    Misconfigured,
}

impl Failure {
    /// One word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Failure::Unknown => "unknown",
            Failure::Throttled { .. } => "throttled",
            Failure::ChannelInvalid { .. } => "channel_invalid",
            Failure::PipeFailedOver => "pipe_failed_over",
            Failure::ObjectMissing => "object_missing",
            Failure::Unauthorized => "unauthorized",
            Failure::Forbidden => "forbidden",
            Failure::TooLarge => "too_large",
            Failure::BadRequest => "bad_request",
            Failure::Unreachable => "unreachable",
            Failure::Tls => "tls",
            Failure::UncommittedRows => "uncommitted_rows",
            Failure::Misconfigured => "misconfigured",
        }
    }
}

impl Error {
    /// What became of the request.
    pub fn outcome(&self) -> Failure {
        match self {
            Error::Refused { asked, source } => of_answer(asked.call, source),
            Error::LoginRefused { .. } => Failure::Unauthorized,
            // The login comes before the request proper, which was then not sent at all.
            Error::NotUnderstood { asked, .. } | Error::Lost { asked, .. } if is_login(asked.call) => Failure::Unreachable,
            Error::NotUnderstood { .. } | Error::Lost { .. } => Failure::Unknown,
            Error::Unreachable { .. } => Failure::Unreachable,
            Error::Tls { .. } => Failure::Tls,
            Error::ChannelUnusable { code, .. } => of_channel_code(code),
            Error::ForeignHost { .. } | Error::ForeignOffsetToken { .. } | Error::Setup { .. } => Failure::Misconfigured,
        }
    }

    /// What to do about it.
    pub fn class(&self) -> ErrorClass {
        match self.outcome() {
            Failure::Unknown | Failure::Throttled { .. } | Failure::Unreachable | Failure::UncommittedRows => ErrorClass::Transient,
            Failure::ChannelInvalid { .. } | Failure::PipeFailedOver => ErrorClass::Reopen,
            Failure::TooLarge => ErrorClass::Record,
            Failure::BadRequest if matches!(self, Error::Refused { asked, .. } if asked.call == Call::Append) => ErrorClass::Record,
            Failure::BadRequest
            | Failure::ObjectMissing
            | Failure::Unauthorized
            | Failure::Forbidden
            | Failure::Tls
            | Failure::Misconfigured => ErrorClass::Config,
        }
    }

    /// What its reader can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::LoginRefused { login, .. } => Some(login.hint()),
            Error::Refused { asked, source } => match (self.outcome(), source.code.as_deref()) {
                (_, Some(NETWORK_POLICY_CODE)) => {
                    Some("a network policy of the account keeps this address out: add it there".to_owned())
                }
                (Failure::Forbidden, _) => Some("grant the role its privileges, then run `snowgate check`".to_owned()),
                (Failure::ObjectMissing, _) if is_login(asked.call) => Some("check `account` and `url`".to_owned()),
                (Failure::ObjectMissing, _) => {
                    Some("create what is missing, or grant the role its privileges on it, then run `snowgate check`".to_owned())
                }
                (_, _) if (300..400).contains(&source.status) => Some("redirects are not followed: check `url`".to_owned()),
                _ => None,
            },
            Error::Tls { .. } => Some(
                "check `url`; if a proxy or stand-in signs with its own authority, name that certificate in `tls_ca`".to_owned(),
            ),
            Error::Unreachable { .. } => {
                Some("check `account` and `url`, and that this machine may open connections to it".to_owned())
            }
            Error::ForeignHost { .. } => {
                Some("check `url`: rows and tokens go only to hosts of the account's own domain".to_owned())
            }
            Error::ForeignOffsetToken { .. } => {
                Some("another program loads through this channel: load into another table, or drop the channel".to_owned())
            }
            Error::NotUnderstood { .. } | Error::Lost { .. } | Error::ChannelUnusable { .. } | Error::Setup { .. } => None,
        }
    }

    /// The error and its causes as one line, for a log.
    pub fn in_one_line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl Login {
    fn hint(&self) -> String {
        if let Some(skew) = self.clock_skew {
            let (amount, side) = (skew.unsigned_abs(), if skew > 0 { "behind" } else { "ahead of" });
            return format!("set the clock of this machine: it is {amount} s {side} Snowflake's");
        }
        format!(
            "check `account` and `user`, and compare the key `{}` with what `DESC USER {}` shows under `RSA_PUBLIC_KEY_FP`",
            self.fingerprint, self.user
        )
    }
}

fn is_login(call: Call) -> bool {
    matches!(call, Call::Hostname | Call::Token)
}

fn of_answer(call: Call, answer: &Answer) -> Failure {
    let code = answer.code.as_deref();
    let channel_invalid =
        || Failure::ChannelInvalid { code: code.map_or_else(|| format!("HTTP {}", answer.status), str::to_owned) };
    match answer.status {
        429 => Failure::Throttled { retry_after: answer.retry_after },
        408 | 500..=599 if is_login(call) => Failure::Unreachable,
        408 | 500..=599 => Failure::Unknown,
        401 => Failure::Unauthorized,
        403 => Failure::Forbidden,
        404 if is_login(call) => Failure::ObjectMissing,
        // Snowflake's own 404 carries a code; one without comes from something in between.
        404 if code.is_none() && call != Call::Statement => Failure::Unknown,
        410 => Failure::PipeFailedOver,
        413 => Failure::TooLarge,
        409 if code == Some("ERR_CHANNEL_HAS_UNCOMMITTED_DATA") && call != Call::Append => Failure::UncommittedRows,
        409 if code == Some("ERR_OPEN_CHANNEL_IN_PROGRESS") => Failure::Throttled { retry_after: answer.retry_after },
        _ => match (call, code) {
            (_, Some(code)) if is_object_code(code) => Failure::ObjectMissing,
            (_, Some(code)) if is_channel_code(code) => channel_invalid(),
            (Call::Statement, Some("003001" | "390189")) => Failure::Forbidden,
            (Call::Append, _) if answer.status != 400 => channel_invalid(),
            (Call::Open, _) if answer.status == 404 => Failure::ObjectMissing,
            (Call::Open, _) if answer.status == 409 => channel_invalid(),
            _ => Failure::BadRequest,
        },
    }
}

/// What a channel's status code other than `SUCCESS` means.
pub(crate) fn of_channel_code(code: &str) -> Failure {
    if is_object_code(code) { Failure::ObjectMissing } else { Failure::ChannelInvalid { code: code.to_owned() } }
}

/// Codes for something above the channel. The last two are those of SQL: no such object, or no privilege to see it.
fn is_object_code(code: &str) -> bool {
    let named = ["PIPE", "TABLE", "SCHEMA", "DATABASE"].iter().any(|object| {
        let rest = code.strip_prefix("ERR_").and_then(|rest| rest.strip_prefix(object));
        rest.is_some_and(|rest| rest.starts_with("_DOES_NOT_EXIST"))
    });
    named || matches!(code, "002003" | "002043")
}

fn is_channel_code(code: &str) -> bool {
    code.starts_with("STALE_") || code.starts_with("ERR_CHANNEL_")
}

/// A server's text as it may be shown: one line, not too long, nothing in it that looks like a token or a key.
pub(crate) fn scrub(text: &str) -> String {
    let is_base64 = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=' | '-' | '_');
    let mut shown = String::new();
    for word in text.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|word| !word.is_empty()) {
        if !shown.is_empty() {
            shown.push(' ');
        }
        // A JWT is three words of base64 with dots between; its first begins with the encoding of `{"`.
        let secret = word.contains("eyJ") || word.split(|letter| !is_base64(letter)).any(|part| part.len() >= SECRET_CHARS);
        shown.push_str(if secret { "***" } else { word });
    }
    match shown.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// A code as it may be shown and compared: Snowflake's are words of letters, digits and underscores.
pub(crate) fn as_code(text: &str) -> Option<String> {
    let fits = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
