//! One table's share of a partition: its channel, its open body and the sealed ones, and their requests.
//!
//! The state machine says when a body is sealed, sent or forgotten; nothing is decided here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use snowgate_record::{Offset, OffsetRange};
use snowgate_snowflake::body::{OpenBody, SealedBody};
use snowgate_snowflake::wire::{Append, ChannelName, ContinuationToken};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::commits::Watched;
use crate::group::{Context, Table};
use crate::killpoint::kill_point;
use crate::memo::TableMemo;
use crate::partition::{BlockReason, BodyId, Encoded, OWN, Partition, Session};
use crate::traces::{BodyTrace, Origin, Times};
use crate::worker::{ReplyTo, Tools, Work};

/// One table's share of a partition.
pub(super) struct Lane {
    pub(super) table: Arc<Table>,
    pub(super) channel: ChannelName,
    pub(super) body: OpenBody,
    /// Where traces are asked for.
    pub(super) origin: Option<Arc<Origin>>,
    /// That went into the open body, and the machine has yet to hear of.
    pub(super) rows: RowsOfLane,
    reply: ReplyTo,
    sealed: HashMap<BodyId, Sealed>,
    watched: Option<Watched>,
    /// Of the open body, once records went into it.
    trace: Option<BodyTrace>,
}

/// Records with rows: how many, and the last.
#[derive(Default)]
pub(super) struct RowsOfLane {
    pub(super) records: u64,
    pub(super) last_with_rows: Option<Offset>,
}

struct Sealed {
    body: SealedBody,
    range: OffsetRange,
    request_id: Uuid,
    trace: Option<BodyTrace>,
}

impl RowsOfLane {
    pub(super) fn take_in(&mut self, offset: Offset) {
        self.records += 1;
        self.last_with_rows = Some(offset);
    }
}

impl Lane {
    pub(super) fn new(context: &Context, table: Arc<Table>, reply: ReplyTo) -> Lane {
        let channel = table.channel(&reply.topic_partition);
        Lane {
            origin: context.trace_origin(&reply.topic_partition, &table.name, &channel),
            body: OpenBody::new(),
            rows: RowsOfLane::default(),
            sealed: HashMap::new(),
            watched: None,
            trace: None,
            table,
            channel,
            reply,
        }
    }

    pub(super) fn open(&self, session: Session, force: bool, context: &Context) {
        if force {
            warn!(channel = %self.channel, "rows of an earlier session were never committed; sending them again");
        }
        context.requests.open(self.channel.clone(), self.table.create_table.clone(), session, force, self.reply.clone());
    }

    /// The trace of the open body takes in what the body took in.
    pub(super) fn trace_encoded(&mut self, work: &Work, encoded: &Encoded, times: Option<Times>, begun: SystemTime) {
        let Some(origin) = &self.origin else { return };
        if self.trace.is_none() && encoded.records == 0 && self.reply.lane != OWN {
            // Records of other tables make no trace here.
            return;
        }
        let first = || BodyTrace::begin(origin, encoded.range.first(), times.map_or(begun, Times::asked));
        let trace = self.trace.get_or_insert_with(first);
        trace.take_in(&work.batch, encoded.range, encoded.dead_letters.len(), times, begun);
    }

    pub(super) fn seal(&mut self, id: BodyId, range: OffsetRange, tools: &mut Tools) {
        kill_point("sealed");
        let mut parts = self.body.seal(&mut tools.compressor).expect("a body of a few megabytes is compressed in memory at hand");
        let body = parts.pop().expect("only a body with rows is sealed");
        assert!(parts.is_empty(), "a body is sealed before it outgrows a request");
        let mut trace = self.trace.take();
        if let Some(trace) = &mut trace {
            trace.sealed(body.rows, body.raw_bytes, body.bytes.len());
        }
        self.sealed.insert(id, Sealed { body, range, request_id: Uuid::new_v4(), trace });
        tools.give_buffer(self.body.take_buffer());
    }

    pub(super) fn discard_open(&mut self, settled: Option<Offset>, tools: &mut Tools) {
        if let Some(trace) = self.trace.take() {
            let settled = trace.last() <= settled;
            trace.end(settled);
        }
        self.body.clear();
        tools.give_buffer(self.body.take_buffer());
    }

    pub(super) fn append(
        &mut self,
        id: BodyId,
        session: Session,
        attempt: u32,
        continuation: ContinuationToken,
        context: &Context,
    ) {
        let sealed = self.sealed.get_mut(&id).expect("a body is kept until it is discarded");
        let (body, range) = (&sealed.body, sealed.range);
        let append = Append {
            channel: self.channel.clone(),
            continuation,
            range,
            body: body.bytes.clone(),
            raw_bytes: body.raw_bytes,
            request_id: sealed.request_id,
            attempt,
        };
        debug!(channel = %self.channel, %range, rows = body.rows, bytes = append.body.len(), attempt, "append");
        let span = sealed.trace.as_mut().and_then(|trace| trace.append(attempt, body.rows, append.body.len()));
        context.requests.append(append, session, id, span, self.reply.clone());
    }

    /// Snowflake took a body: its trace waits for the commit from now on.
    pub(super) fn appended(&mut self, id: BodyId) {
        if let Some(trace) = self.sealed.get_mut(&id).and_then(|sealed| sealed.trace.as_mut()) {
            trace.appended();
        }
    }

    pub(super) fn discard(&mut self, id: BodyId, committed: Option<Offset>, context: &Context) {
        let Some(sealed) = self.sealed.remove(&id) else { return };
        let committed = Some(sealed.range.last()) <= committed;
        if committed {
            context.progress.committed(sealed.body.rows);
        }
        if let Some(trace) = sealed.trace {
            trace.end(committed);
        }
    }

    pub(super) fn blocked(&mut self, reason: BlockReason) {
        let sealed = self.sealed.values_mut().filter_map(|sealed| sealed.trace.as_mut());
        sealed.chain(self.trace.as_mut()).for_each(|trace| trace.blocked(reason));
    }

    /// Tells the status poller whether the channel has something to wait for, and since which opening.
    pub(super) fn watch(&mut self, session: Option<Session>, context: &Context) {
        if session != self.watched.as_ref().map(|watched| watched.session) {
            self.watched = session.map(|session| context.commits.watch(&self.channel, session, self.reply.clone()));
        }
    }

    /// What is remembered of it.
    pub(super) fn memo(&self, machine: &Partition<ContinuationToken>) -> TableMemo<'_> {
        TableMemo { table: &self.table.name, committed_offset: machine.committed(), row_errors: machine.row_errors() }
    }

    /// Of all its bodies.
    pub(super) fn bytes(&self) -> usize {
        self.sealed.values().map(|sealed| sealed.body.bytes.len()).sum::<usize>() + self.body.capacity()
    }
}
