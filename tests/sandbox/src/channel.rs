//! One channel: the ordered road into one table, with its tokens and what it has not committed yet.
//!
//! A continuation token names the writer (the client sequencer, which every open raises) and the append that is due (the row
//! sequencer, which every append raises). A token of an earlier writer, or of an append that was already taken, is stale. What an
//! append brought is pending until it is committed; only then do the offset token and the counts move. A reopen throws pending rows
//! away, or, when asked to, is refused while there are any.
//!
//! Pure: the clock is an argument, and what is committed is handed to the caller.

use std::collections::VecDeque;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::catalog::TableId;
use crate::rows::Scan;

pub(crate) const STATUS_OK: &str = "SUCCESS";
pub(crate) const MUST_REOPEN: &str = "ERR_CHANNEL_MUST_BE_REOPENED";

/// What became of rows sent to a channel, since it was first opened.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Counts {
    pub(crate) opens: u64,
    /// Appends that were taken.
    pub(crate) requests: u64,
    /// Appends refused because their token was stale.
    pub(crate) stale: u64,
    /// Appends sent again that got their first answer again.
    pub(crate) replayed: u64,
    pub(crate) rows_accepted: u64,
    pub(crate) rows_committed: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) rows_discarded: u64,
}

/// Rows that were taken and are not in the table yet.
#[derive(Debug)]
pub(crate) struct Pending {
    /// When they commit; never, unless asked to, when nothing stands here.
    pub(crate) due: Option<Instant>,
    pub(crate) end_token: Option<String>,
    pub(crate) scan: Scan,
}

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) pipe: String,
    pub(crate) name: String,
    pub(crate) table: TableId,
    pub(crate) created_ms: i64,
    pub(crate) counts: Counts,
    pub(crate) committed_token: Option<String>,
    status: &'static str,
    /// Tells this channel from one of the same name that was dropped.
    life: u64,
    client_sequencer: u64,
    row_sequencer: u64,
    pending: VecDeque<Pending>,
    last_append: Option<Replay>,
    last_error: Option<LastError>,
}

#[derive(Debug)]
struct Replay {
    token: String,
    request_id: String,
}

#[derive(Debug)]
struct LastError {
    message: String,
    offset_token: Option<String>,
    at_ms: i64,
}

/// Whether a token lets its bearer append.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Due,
    /// The append was taken before; this was its answer.
    Answered(String),
    Stale,
    Invalid(&'static str),
}

impl Channel {
    pub(crate) fn new(names: [&str; 4], table: TableId, life: u64, created_ms: i64) -> Self {
        let [database, schema, pipe, name] = names.map(str::to_owned);
        Self {
            database,
            schema,
            pipe,
            name,
            table,
            created_ms,
            counts: Counts::default(),
            committed_token: None,
            status: STATUS_OK,
            life,
            client_sequencer: 0,
            row_sequencer: 0,
            pending: VecDeque::new(),
            last_append: None,
            last_error: None,
        }
    }

    /// Makes the caller the writer and returns its first token; `None` when rows are pending and the caller wants them kept.
    pub(crate) fn open(&mut self, fail_on_uncommitted_rows: bool, offset_token: Option<String>) -> Option<String> {
        if fail_on_uncommitted_rows && !self.pending.is_empty() {
            return None;
        }
        self.discard();
        self.client_sequencer += 1;
        self.row_sequencer = 0;
        self.last_append = None;
        self.status = STATUS_OK;
        self.counts.opens += 1;
        if offset_token.is_some() {
            self.committed_token = offset_token;
        }
        Some(self.token())
    }

    /// Looks at a token without spending it.
    pub(crate) fn admit(&mut self, token: &str, request_id: &str, replay_answers: bool) -> Admission {
        if self.status != STATUS_OK {
            return Admission::Invalid(self.status);
        }
        if token == self.token() {
            return Admission::Due;
        }
        let replayed = self.last_append.as_ref().is_some_and(|last| last.token == token && last.request_id == request_id);
        if replay_answers && replayed {
            self.counts.replayed += 1;
            return Admission::Answered(self.token());
        }
        self.counts.stale += 1;
        Admission::Stale
    }

    /// Takes rows under the token that is due and returns the next one.
    pub(crate) fn append(&mut self, request_id: &str, pending: Pending) -> String {
        self.last_append = Some(Replay { token: self.token(), request_id: request_id.to_owned() });
        self.row_sequencer += 1;
        self.counts.requests += 1;
        self.counts.rows_accepted += pending.scan.accepted;
        self.pending.push_back(pending);
        self.token()
    }

    /// Takes out what is due at `now`, or everything with `None`, oldest first, and moves the offset token and the counts.
    pub(crate) fn commit(&mut self, now: Option<Instant>, at_ms: i64) -> Vec<Scan> {
        let mut committed = Vec::new();
        while let Some(first) = self.pending.front() {
            let due = now.is_none_or(|now| first.due.is_some_and(|due| due <= now));
            if !due {
                break;
            }
            let Some(Pending { end_token, scan, .. }) = self.pending.pop_front() else { break };
            self.counts.rows_committed += scan.accepted;
            self.counts.rows_rejected += scan.rejected;
            if let Some(message) = &scan.first_error {
                self.last_error = Some(LastError { message: message.clone(), offset_token: end_token.clone(), at_ms });
            }
            if end_token.is_some() {
                self.committed_token = end_token;
            }
            committed.push(scan);
        }
        committed
    }

    /// The server lost the channel's buffer: pending rows are gone, and nothing is taken until somebody opens the channel again.
    pub(crate) fn invalidate(&mut self) {
        self.discard();
        self.status = MUST_REOPEN;
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    fn discard(&mut self) {
        self.counts.rows_discarded += self.pending.drain(..).map(|pending| pending.scan.accepted).sum::<u64>();
    }

    fn token(&self) -> String {
        format!("{:x}-{}-{}", self.life, self.client_sequencer, self.row_sequencer)
    }

    /// The channel as bulk status and open show it; two spellings where the documentation and the official client differ.
    pub(crate) fn status(&self) -> Value {
        let error = self.last_error.as_ref();
        json!({
            "database_name": self.database, "schema_name": self.schema, "pipe_name": self.pipe, "channel_name": self.name,
            "channel_status_code": self.status, "last_committed_offset_token": self.committed_token,
            "created_on_ms": self.created_ms, "rows_inserted": self.counts.rows_committed,
            "rows_parsed": self.counts.rows_committed + self.counts.rows_rejected,
            "rows_error_count": self.counts.rows_rejected, "rows_errors": self.counts.rows_rejected,
            "last_error_offset_upper_bound": error.and_then(|e| e.offset_token.clone()),
            "last_error_message": error.map(|e| &e.message),
            "last_error_timestamp": error.map(|e| e.at_ms), "last_error_timestamp_ms": error.map(|e| e.at_ms),
            "snowflake_avg_processing_latency_ms": null,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn channel() -> Channel {
        Channel::new(["D", "S", "T-STREAMING", "c"], 1, 7, 0)
    }

    fn pending(rows: u64, end: &str, due: Option<Instant>) -> Pending {
        Pending { due, end_token: Some(end.to_owned()), scan: Scan { accepted: rows, ..Scan::default() } }
    }

    #[test]
    fn each_append_needs_the_token_of_the_one_before() {
        let mut channel = channel();
        let first = channel.open(true, None).unwrap();
        assert_eq!(channel.admit(&first, "r1", false), Admission::Due);
        let second = channel.append("r1", pending(1, "0", None));
        assert_eq!(channel.admit(&first, "r1", false), Admission::Stale);
        assert_eq!(channel.admit(&second, "r2", false), Admission::Due);
        assert_eq!(channel.counts.stale, 1);
    }

    #[test]
    fn a_reopen_fences_the_older_writer() {
        let mut channel = channel();
        let old = channel.open(false, None).unwrap();
        let new = channel.open(false, None).unwrap();
        assert_eq!(channel.admit(&old, "r", false), Admission::Stale);
        assert_eq!(channel.admit(&new, "r", false), Admission::Due);
    }

    #[test]
    fn a_dropped_channels_token_is_stale_in_the_next_life() {
        let old = channel().open(false, None).unwrap();
        let mut again = Channel::new(["D", "S", "P", "c"], 1, 8, 0);
        again.open(false, None).unwrap();
        assert_eq!(again.admit(&old, "r", false), Admission::Stale);
    }

    #[test]
    fn a_replayed_append_gets_its_answer_again_only_when_the_stand_in_is_told_so() {
        let mut channel = channel();
        let first = channel.open(false, None).unwrap();
        let next = channel.append("r1", pending(1, "0", None));
        assert_eq!(channel.admit(&first, "r1", true), Admission::Answered(next));
        assert_eq!(channel.admit(&first, "another request", true), Admission::Stale);
    }

    #[test]
    fn the_committed_offset_moves_when_rows_commit_and_not_before() {
        let mut channel = channel();
        channel.open(false, None).unwrap();
        let now = Instant::now();
        channel.append("r1", pending(3, "9", Some(now + Duration::from_secs(5))));
        assert!(channel.commit(Some(now), 0).is_empty());
        assert_eq!(channel.committed_token, None);
        assert_eq!(channel.commit(Some(now + Duration::from_secs(5)), 0).len(), 1);
        assert_eq!((channel.committed_token.as_deref(), channel.counts.rows_committed), (Some("9"), 3));
    }

    #[test]
    fn uncommitted_rows_are_discarded_by_a_reopen_or_hinder_it() {
        let mut channel = channel();
        channel.open(false, None).unwrap();
        channel.append("r1", pending(3, "9", None));
        assert_eq!(channel.open(true, None), None);
        assert!(channel.open(false, None).is_some());
        assert_eq!((channel.counts.rows_discarded, channel.committed_token.as_deref()), (3, None));
    }

    #[test]
    fn an_invalid_channel_takes_nothing_until_it_is_opened_again() {
        let mut channel = channel();
        let token = channel.open(false, None).unwrap();
        channel.append("r1", pending(2, "1", None));
        channel.invalidate();
        assert_eq!(channel.admit(&token, "r2", false), Admission::Invalid(MUST_REOPEN));
        assert_eq!(channel.counts.rows_discarded, 2);
        let token = channel.open(true, None).unwrap();
        assert_eq!(channel.admit(&token, "r3", false), Admission::Due);
    }
}
