//! Carries a partition's requests to Snowflake and turns each answer into an event.
//!
//! Requests run on the runtime, one task each; the worker that owns the partition gets the event through its mailbox. What an
//! answer means is decided here and nowhere else: every failure has exactly one outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use snowgate_snowflake::Error;
use snowgate_snowflake::client::Client;
use snowgate_snowflake::error::Failure;
use snowgate_snowflake::wire::{Append, ChannelName, ContinuationToken, OpenedChannel};
use tracing::warn;

use crate::board::Board;
use crate::killpoint::kill_point;
use crate::partition::{AppendOutcome, BodyId, Event, Millis, OpenOutcome, Session};
use crate::progress::Progress;
use crate::traces::AppendSpan;
use crate::worker::ReplyTo;

/// The events of a partition whose continuation tokens are Snowflake's.
pub(crate) type PartitionEvent = Event<ContinuationToken>;

/// Sends requests for the partitions of one pipeline.
#[derive(Clone)]
pub(crate) struct Requests {
    client: Client,
    runtime: tokio::runtime::Handle,
    progress: Arc<Progress>,
    board: Arc<Board>,
}

impl Requests {
    pub(crate) fn new(client: Client, runtime: tokio::runtime::Handle, progress: Arc<Progress>, board: Arc<Board>) -> Requests {
        Requests { client, runtime, progress, board }
    }

    /// Opens `channel`; where its table is gone, `create_table` is tried once before giving up.
    pub(crate) fn open(&self, channel: ChannelName, create_table: Option<Arc<str>>, session: Session, force: bool, reply: ReplyTo) {
        let (client, board) = (self.client.clone(), self.board.clone());
        self.runtime.spawn(async move {
            kill_point("open_sent");
            let mut result = client.open_channel(&channel, !force).await;
            if result.as_ref().is_err_and(|error| error.outcome() == Failure::ObjectMissing)
                && let Some(create_table) = create_table
                && client.execute(&create_table).await.is_ok()
            {
                result = client.open_channel(&channel, !force).await;
            }
            if let Err(error) = &result {
                warn!(%channel, error = error.in_one_line(), "open failed");
            }
            board.request(&channel, result.as_ref().err().map(|error| error.in_one_line()));
            kill_point("open_answered");
            reply.send(Event::OpenAnswered { session, outcome: open_outcome(result) });
        });
    }

    pub(crate) fn append(&self, append: Append, session: Session, body: BodyId, span: Option<AppendSpan>, reply: ReplyTo) {
        let (client, progress, board) = (self.client.clone(), self.progress.clone(), self.board.clone());
        self.runtime.spawn(async move {
            kill_point("append_sent");
            let started = Instant::now();
            let result = client.append(&append).await;
            progress.appended(append.body.len(), started.elapsed(), result.is_ok());
            if let Some(span) = span {
                span.end(result.as_ref().err().map(|error| (error.outcome().as_str(), error.in_one_line())));
            }
            if let Err(error) = &result {
                warn!(channel = %append.channel, attempt = append.attempt, error = error.in_one_line(), "append failed");
            }
            board.request(&append.channel, result.as_ref().err().map(|error| error.in_one_line()));
            kill_point("append_answered");
            reply.send(Event::AppendAnswered { session, body, outcome: append_outcome(result) });
        });
    }
}

fn millis(wait: Duration) -> Millis {
    u64::try_from(wait.as_millis()).unwrap_or(Millis::MAX)
}

fn open_outcome(result: Result<OpenedChannel, Error>) -> OpenOutcome<ContinuationToken> {
    let error = match result {
        Ok(opened) => {
            return OpenOutcome::Opened {
                continuation: opened.continuation,
                committed: opened.status.committed_offset,
                row_errors: opened.status.rows_error_count,
            };
        }
        Err(error) => error,
    };
    match error.outcome() {
        Failure::UncommittedRows => OpenOutcome::UncommittedRows,
        Failure::Throttled { retry_after } => OpenOutcome::Unknown { retry_after: retry_after.map(millis) },
        Failure::ObjectMissing => OpenOutcome::ObjectMissing,
        Failure::Unauthorized | Failure::Forbidden | Failure::Misconfigured | Failure::Tls | Failure::BadRequest => {
            OpenOutcome::Denied
        }
        Failure::Unknown | Failure::Unreachable | Failure::ChannelInvalid { .. } | Failure::PipeFailedOver | Failure::TooLarge => {
            OpenOutcome::Unknown { retry_after: None }
        }
    }
}

fn append_outcome(result: Result<ContinuationToken, Error>) -> AppendOutcome<ContinuationToken> {
    let error = match result {
        Ok(continuation) => return AppendOutcome::Appended(continuation),
        Err(error) => error,
    };
    match error.outcome() {
        Failure::Unknown => AppendOutcome::Unknown,
        Failure::Throttled { retry_after } => AppendOutcome::NotApplied { retry_after: retry_after.map(millis) },
        Failure::Unreachable => AppendOutcome::NotApplied { retry_after: None },
        Failure::ChannelInvalid { .. } | Failure::PipeFailedOver | Failure::UncommittedRows => AppendOutcome::Stale,
        Failure::ObjectMissing => AppendOutcome::ObjectMissing,
        Failure::Unauthorized | Failure::Forbidden | Failure::Tls | Failure::Misconfigured => AppendOutcome::Denied,
        Failure::TooLarge => AppendOutcome::TooLarge,
        Failure::BadRequest => AppendOutcome::Malformed,
    }
}
