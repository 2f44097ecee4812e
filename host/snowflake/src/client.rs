//! The requests to Snowflake, one method each.
//!
//! A call sends its request once. What it needs beforehand, a session, is shared and renewed on the way; a token that the host no
//! longer takes is renewed and the request sent with the new one, once. All other failures go to the caller, who knows whether and
//! when to try again: [`Error::outcome`] says what became of the request.
//!
//! What must stay true: an append is never resent from here unless Snowflake said that it did not look at it (401).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use reqwest::Method;
use snowgate_record::Offset;
use uuid::Uuid;

use crate::config::SnowflakeSettings;
use crate::error::{Asked, Call, Error};
use crate::session::{AccountHost, Session};
use crate::transport::{Reply, Request, Timeouts, TokenType, Transport, not_understood};
use crate::wire::{self, BadStatus};
pub use crate::wire::{Append, ChannelName, ChannelStatus, ContinuationToken, OpenedChannel, PipeName, StatementResult};

/// Channels asked about in one request. An answer for this many stays well below the size limit.
const STATUS_CHANNELS: usize = 500;
/// How long Snowflake may work on a statement of ours before it gives up: they create or describe one table.
pub(crate) const STATEMENT_SECONDS: u32 = 60;
/// Snowflake answers a statement within 45 s, if only to say that it is still running.
const STATEMENT_ANSWER: Duration = Duration::from_secs(60);
/// Between two questions whether a statement is done.
const STATEMENT_PAUSE: Duration = Duration::from_millis(500);

const JSON: &str = "application/json";

/// Talks to one Snowflake account. Clones share connections and session.
#[derive(Clone)]
pub struct Client {
    account: Arc<AccountHost>,
}

/// A client that others keep alive.
#[derive(Debug, Clone)]
pub struct WeakClient {
    account: Weak<AccountHost>,
}

impl WeakClient {
    /// The client, while somebody still has it.
    pub fn upgrade(&self) -> Option<Client> {
        Some(Client { account: self.account.upgrade()? })
    }
}

impl Client {
    pub fn downgrade(&self) -> WeakClient {
        WeakClient { account: Arc::downgrade(&self.account) }
    }

    /// Sends nothing yet.
    pub fn new(settings: Arc<SnowflakeSettings>) -> Result<Client, Error> {
        Client::with_timeouts(settings, Timeouts::default())
    }

    pub(crate) fn with_timeouts(settings: Arc<SnowflakeSettings>, timeouts: Timeouts) -> Result<Client, Error> {
        let transport = Transport::new(&settings, timeouts)?;
        Ok(Client { account: Arc::new(AccountHost::new(transport, settings)) })
    }

    pub fn settings(&self) -> &SnowflakeSettings {
        self.account.settings()
    }

    pub(crate) fn account(&self) -> &AccountHost {
        &self.account
    }

    /// Opens a channel, which makes every earlier continuation token for it stale.
    ///
    /// Rows that are not committed yet are thrown away, or, with `fail_on_uncommitted_rows`, make the open fail.
    pub async fn open_channel(&self, channel: &ChannelName, fail_on_uncommitted_rows: bool) -> Result<OpenedChannel, Error> {
        let (path, id) = (wire::channel_path(channel), Uuid::new_v4());
        let request = |session: &Session, attempt| {
            Request::new(Method::PUT, session.url(&wire::with_request_id(&path, id, attempt)))
                .body(JSON, wire::open_body(fail_on_uncommitted_rows))
        };
        let (reply, asked) = self.send(Call::Open, channel, 0, request).await?;
        let opened = wire::parse_opened(&reply.body, &channel.channel).map_err(|bad| bad_status(&asked, channel, bad))?;
        if opened.status.is_success() {
            Ok(opened)
        } else {
            Err(Error::ChannelUnusable { channel: channel.to_string(), code: opened.status.status_code })
        }
    }

    /// Opens a channel that nobody loads through, so that its committed offset becomes `committed`, whatever it was.
    pub async fn open_channel_at(&self, channel: &ChannelName, committed: Offset) -> Result<(), Error> {
        let (path, id) = (wire::channel_path(channel), Uuid::new_v4());
        let request = |session: &Session, attempt| {
            Request::new(Method::PUT, session.url(&wire::with_request_id(&path, id, attempt)))
                .body(JSON, wire::open_at_body(committed))
        };
        let (reply, asked) = self.send(Call::Open, channel, 0, request).await?;
        let opened = wire::parse_opened(&reply.body, &channel.channel).map_err(|bad| bad_status(&asked, channel, bad))?;
        match opened.status.committed_offset {
            offset if offset == Some(committed) => Ok(()),
            offset => {
                let found = offset.map_or("none".to_owned(), |offset| offset.to_string());
                Err(not_understood(&asked, format!("the channel was opened at {committed}, and says {found}")))
            }
        }
    }

    /// Hands rows to Snowflake. Success means that it took them, not that they are in the table.
    pub async fn append(&self, append: &Append) -> Result<ContinuationToken, Error> {
        let path = wire::append_path(append);
        let request = |session: &Session, attempt| {
            Request::new(Method::POST, session.url(&wire::with_request_id(&path, append.request_id, attempt)))
                .body("application/x-ndjson", append.body.to_vec())
                .header("content-encoding", "zstd")
                .header("x-snowflake-uncompressed-content-length", append.raw_bytes.to_string())
        };
        let (reply, asked) = self.send(Call::Append, &append.channel, append.attempt, request).await?;
        wire::parse_appended(&reply.body).map_err(|text| not_understood(&asked, text))
    }

    /// What Snowflake says about channels of one pipe. Channels that it does not know are missing from the answer.
    pub async fn channel_statuses(&self, pipe: &PipeName, channels: &[String]) -> Result<HashMap<String, ChannelStatus>, Error> {
        let mut statuses = HashMap::with_capacity(channels.len());
        for channels in channels.chunks(STATUS_CHANNELS) {
            let (path, id) = (wire::status_path(pipe), Uuid::new_v4());
            let request = |session: &Session, attempt| {
                Request::new(Method::POST, session.url(&wire::with_request_id(&path, id, attempt)))
                    .body(JSON, wire::status_body(channels))
            };
            let (reply, asked) = self.send(Call::Status, pipe, 0, request).await?;
            let answered = wire::parse_statuses(&reply.body)
                .map_err(|(channel, bad)| bad_status(&asked, format_args!("`{channel}` of pipe {pipe}"), bad))?;
            statuses.extend(answered);
        }
        Ok(statuses)
    }

    /// Drops a channel and its offset token for good; the answer is the offset it had committed.
    pub async fn drop_channel(&self, channel: &ChannelName) -> Result<Option<Offset>, Error> {
        let (path, id) = (wire::channel_path(channel), Uuid::new_v4());
        let request =
            |session: &Session, attempt| Request::new(Method::DELETE, session.url(&wire::with_request_id(&path, id, attempt)));
        let (reply, asked) = self.send(Call::Drop, channel, 0, request).await?;
        wire::parse_dropped(&reply.body).map_err(|bad| bad_status(&asked, channel, bad))
    }

    /// Runs one SQL statement in the configured role and waits for its end.
    pub async fn execute(&self, sql: &str) -> Result<StatementResult, Error> {
        self.execute_in(sql, None).await
    }

    /// As [`Client::execute`], in a warehouse where one is named: statements that read rows need one.
    pub async fn execute_in(&self, sql: &str, warehouse: Option<&str>) -> Result<StatementResult, Error> {
        let asked = Asked::new(Call::Statement, self.account.host(), shorten(sql));
        let id = Uuid::new_v4();
        let started = Instant::now();
        let post = |attempt| {
            let url = self.account.url(&format!(
                "{}?requestId={id}{}",
                wire::STATEMENTS_PATH,
                if attempt > 0 { "&retry=true" } else { "" }
            ));
            let body = wire::statement_body(sql, self.settings().role.as_deref(), warehouse);
            Request { timeout: Some(STATEMENT_ANSWER), ..Request::new(Method::POST, url).body(JSON, body) }
        };
        let (mut reply, _) = self.account.ask(&asked, post).await?;
        while reply.status == 202 {
            if started.elapsed() > Duration::from_secs(2 * u64::from(STATEMENT_SECONDS)) {
                return Err(not_understood(&asked, "the statement is still running after its time"));
            }
            let handle = wire::parse_running(&reply.body).map_err(|text| not_understood(&asked, text))?;
            tokio::time::sleep(STATEMENT_PAUSE).await;
            let get = |_| {
                let url = self.account.url(&wire::statement_path(&handle));
                Request { timeout: Some(STATEMENT_ANSWER), ..Request::new(Method::GET, url) }
            };
            reply = self.account.ask(&asked, get).await?.0;
        }
        wire::parse_statement(&reply.body).map_err(|text| not_understood(&asked, text))
    }

    /// One request to the host that takes rows, made by `request` for the session at hand and the number of attempts before.
    async fn send(
        &self,
        call: Call,
        object: impl fmt::Display,
        attempts_before: u32,
        request: impl Fn(&Session, u32) -> Request,
    ) -> Result<(Reply, Asked), Error> {
        let mut session = self.account.session().await?;
        let mut asked = Asked::new(call, &*session.host, object);
        let mut attempt = attempts_before;
        loop {
            let token = (TokenType::Scoped, &session.token);
            let reply = self.account.transport().send(&asked, request(&session, attempt), token).await?;
            if reply.is_success() {
                return Ok((reply, asked));
            }
            // What was refused for its token, or sent to a host that the pipe has left, is no session to go on with.
            if matches!(reply.status, 401 | 410) {
                self.account.forget(&session);
            }
            if reply.status == 401 && attempt == attempts_before {
                session = self.account.session().await?;
                asked.host.clone_from(&session.host);
                attempt += 1;
                continue;
            }
            let source = reply.into_answer(&asked.host, &session.token);
            return Err(Error::Refused { asked, source });
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.account.host()).finish_non_exhaustive()
    }
}

fn bad_status(asked: &Asked, channel: impl fmt::Display, bad: BadStatus) -> Error {
    match bad {
        BadStatus::NotUnderstood(text) => not_understood(asked, text),
        BadStatus::ForeignOffsetToken(token) => Error::ForeignOffsetToken { channel: channel.to_string(), token },
    }
}

/// Enough of a statement to know it by.
fn shorten(sql: &str) -> String {
    const CHARS: usize = 100;
    match sql.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &sql[..end]),
        None => sql.to_owned(),
    }
}

#[cfg(test)]
mod tests;
