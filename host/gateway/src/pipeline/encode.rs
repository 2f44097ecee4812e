//! Records → rows in the open bodies, and what becomes of those that make none.
//!
//! Survivors and rejected records are taken in the order of their offsets, until the batch is finished or a table's open body has no
//! room. All rows of one record go into one body, or none of them. Every lane hears how far the batch was looked at, and of all dead
//! letters, so that none is ever ahead of one.

use std::sync::Arc;
use std::time::SystemTime;

use snowgate_kafka::DeadLetter;
use snowgate_record::{ErrorClass, Offset, OffsetRange, Record, RecordBatch};
use snowgate_snowflake::row::{Form, RowError};
use tracing::{debug, error, warn};

use super::Pipeline;
use crate::killpoint::kill_point;
use crate::letter;
use crate::partition::{Encoded, Event, OWN, To};
use crate::pipeline::lane::RowsOfLane;
use crate::settings::{OnError, OnTombstone};
use crate::stages::Cause;
use crate::worker::{Tools, Turn, Work};

impl Pipeline {
    /// Batch → rows in the open bodies, until the batch is finished or there is no room.
    pub(super) fn encode_all(&mut self, work: &mut Work, tools: &mut Tools) -> Turn {
        loop {
            let begun = self.lanes[OWN].origin.is_some().then(SystemTime::now);
            let (looked_at, end) = self.encode(work, tools);
            self.tell_lanes(looked_at, work, begun, tools);
            match end {
                EncodeEnd::Finished => return Turn::Worked,
                EncodeEnd::BodyFull(lane) => {
                    self.on(To::Lane(lane), Event::BodyFull, tools);
                    if !self.machines.wants_records() {
                        return Turn::Idle;
                    }
                }
                EncodeEnd::Full if self.machines.wants_records() => {}
                EncodeEnd::Full => return Turn::Idle,
                EncodeEnd::Later => return Turn::Starved,
                EncodeEnd::Refused => {
                    self.on(To::Lane(OWN), Event::RecordRefused, tools);
                    return Turn::Idle;
                }
                EncodeEnd::DeadLettersRefused => {
                    self.on(To::All, Event::DeadLetterFailed, tools);
                    return Turn::Idle;
                }
            }
        }
    }

    /// Each lane takes in what is new to it of the records that were looked at.
    fn tell_lanes(&mut self, looked_at: LookedAt, work: &mut Work, begun: Option<SystemTime>, tools: &mut Tools) {
        let Some(last) = looked_at.last else { return };
        let times = begun.and_then(|_| work.times.take());
        let several = self.lanes.len() > 1;
        for lane in 0..self.lanes.len() {
            let resume_after = self.machines.of(lane).resume_after();
            let Some(first) = first_after(work, resume_after).filter(|first| *first <= last) else { continue };
            let RowsOfLane { records, last_with_rows } = std::mem::take(&mut self.lanes[lane].rows);
            let dead_letters = match several {
                true => looked_at.dead_letters.iter().copied().filter(|offset| Some(*offset) > resume_after).collect(),
                false => looked_at.dead_letters.clone(),
            };
            let range = OffsetRange::new(first, last);
            let encoded = Encoded { range, records, last_with_rows, body_bytes: self.lanes[lane].body.bytes(), dead_letters };
            if let Some(begun) = begun {
                self.lanes[lane].trace_encoded(work, &encoded, times, begun);
            }
            kill_point("encoded");
            self.on(To::Lane(lane), Event::Encoded(encoded), tools);
        }
    }

    /// As many records as the open bodies have room for.
    fn encode(&mut self, work: &mut Work, tools: &mut Tools) -> (LookedAt, EncodeEnd) {
        let routed = work.survivors().0.is_routed() || !work.topics().is_empty();
        // Where it would have gone is not known of a record that a stage did not take, so it is passed over only where every table
        // is past it.
        let rejected_after = self.machines.iter().map(|machine| machine.resume_after()).min().flatten();
        let mut looked_at = LookedAt::default();
        let mut lane = OWN;
        let mut room = self.machines.of(lane).room();
        let mut resume_after = self.machines.of(lane).resume_after();
        let end = loop {
            let (survivors, rejected) = work.survivors();
            let next_record = (work.next_record < survivors.len()).then(|| survivors.record(work.next_record));
            let next_rejected = rejected.get(work.next_rejected).map(|rejected| (rejected, work.batch.record(rejected.index)));
            // Survivors and rejected records, merged by offset.
            let rejection = match (&next_record, &next_rejected) {
                (None, None) => break EncodeEnd::Finished,
                (Some(record), Some((_, rejected))) => rejected.offset() < record.offset(),
                (None, Some(_)) => true,
                (Some(_), None) => false,
            };
            if rejection {
                let (rejected, record) = next_rejected.expect("it was looked at above");
                if Some(record.offset()) > rejected_after {
                    match self.set_aside(record, &rejected.cause) {
                        Ok(kind) => looked_at.passed(record.offset(), kind),
                        Err(end) => break end,
                    }
                }
                looked_at.last = Some(record.offset());
                work.next_rejected += 1;
                continue;
            }
            let record = next_record.expect("it was looked at above");
            let topics = work.topics();
            let siblings = siblings(survivors.offsets(), work.next_record);
            if routed {
                let routes = (work.next_record..work.next_record + siblings).map(|index| survivors.route(index));
                match self.lane_of(work, routes) {
                    Ok(found) => lane = found,
                    Err(cause) => {
                        if Some(record.offset()) > rejected_after {
                            match self.set_aside(original_of(work, record), &cause) {
                                Ok(kind) => looked_at.passed(record.offset(), kind),
                                Err(end) => break end,
                            }
                        }
                        looked_at.last = Some(record.offset());
                        work.next_record += siblings;
                        continue;
                    }
                }
                room = self.machines.of(lane).room();
                resume_after = self.machines.of(lane).resume_after();
            }
            if Some(record.offset()) > resume_after {
                if self.lanes[lane].rows.records >= room.0 || self.lanes[lane].body.bytes() >= room.1 {
                    break EncodeEnd::Full;
                }
                let original = || original_of(work, record);
                match self.encode_record(lane, (survivors, topics), work.next_record..work.next_record + siblings, original, tools)
                {
                    Ok(Passed::Rows) => self.lanes[lane].rows.take_in(record.offset()),
                    Ok(kind) => looked_at.passed(record.offset(), kind),
                    Err(end) => break end,
                }
            }
            looked_at.last = Some(record.offset());
            work.next_record += siblings;
        };
        if matches!(end, EncodeEnd::Finished) {
            looked_at.last = Some(work.batch.range().expect("an empty batch is not encoded").last());
        }
        (looked_at, end)
    }

    /// Which table the rows of one record go to.
    fn lane_of(&self, work: &Work, mut routes: impl Iterator<Item = u16>) -> Result<usize, Cause> {
        let topics = work.topics();
        let first = routes.next().unwrap_or_default();
        if topics.is_empty() {
            return Ok(self.route.lane(first));
        }
        let (topic, lane) = (&topics[usize::from(first)], work.lanes[usize::from(first)]);
        let Some(lane) = lane else {
            let table = self.context.settings.table_as_left(topic).table;
            let message =
                format!("topic `{topic}` leads to table `{table}`, which is none that was known when the partition began");
            return Err(Cause::of_row("table_not_allowed", message));
        };
        // Plugins may have split the record, and transforms may have told its parts apart.
        if routes.any(|route| work.lanes[usize::from(route)] != Some(lane)) {
            return Err(Cause::of_row("table_not_allowed", "the parts of the record lead to different tables"));
        }
        Ok(lane)
    }

    /// All rows of one record, or none of them.
    fn encode_record<'a>(
        &mut self,
        lane: usize,
        (survivors, topics): (&'a RecordBatch, &[Arc<str>]),
        indexes: std::ops::Range<usize>,
        original: impl Fn() -> Record<'a>,
        tools: &mut Tools,
    ) -> Result<Passed, EncodeEnd> {
        let offset = survivors.record(indexes.start).offset();
        if self.machines.of(lane).is_refused(offset) {
            return self.set_aside(original(), &Cause::of_row("refused_by_snowflake", "Snowflake refused this row by itself"));
        }
        let rows = indexes.len() as u32;
        if self.lanes[lane].body.capacity() == 0 {
            self.lanes[lane].body.give_buffer(tools.take_buffer());
        }
        for (emit_index, index) in indexes.enumerate() {
            let record = survivors.record(index);
            if let Some(topic) = topics.get(usize::from(record.route())) {
                self.rows.name_topic(topic);
            }
            let on_tombstone = self.context.settings.on_tombstone;
            if record.value().is_none() && on_tombstone != OnTombstone::Row {
                self.lanes[lane].body.abandon_record();
                return match on_tombstone {
                    OnTombstone::DeadLetter => self.set_aside(original(), &Cause::of_row("tombstone", "the record has no value")),
                    OnTombstone::Drop | OnTombstone::Row => {
                        self.context.progress.dropped("tombstone", 1);
                        Ok(Passed::Nothing)
                    }
                };
            }
            let emit_index = (rows > 1).then_some(emit_index as u32);
            let written = match record.value() {
                Some(_) => self.rows.write(record, emit_index, self.lanes[lane].body.buffer()),
                None => self.rows.write_tombstone(record, self.lanes[lane].body.buffer()),
            };
            if let Err(error) = written
                && let Err(cause) = self.write_again(lane, record, original(), emit_index, &error)
            {
                self.lanes[lane].body.abandon_record();
                return self.set_aside(original(), &cause);
            }
        }
        if !self.lanes[lane].body.is_empty() && self.lanes[lane].body.buffer().len() > self.context.policy.body_bytes {
            // It begins the next body; alone it may be as large as a request carries.
            self.lanes[lane].body.abandon_record();
            return Err(EncodeEnd::BodyFull(lane));
        }
        match self.lanes[lane].body.end_record(offset, rows, &mut tools.compressor) {
            Ok(()) => Ok(Passed::Rows),
            Err(error) => self.set_aside(original(), &Cause::of_row(error.reason(), error.to_string())),
        }
    }

    /// A connector's record whose value makes no row as it is may make one when its converter has read it.
    fn write_again(
        &mut self,
        lane: usize,
        record: Record<'_>,
        original: Record<'_>,
        emit_index: Option<u32>,
        error: &RowError,
    ) -> Result<(), Cause> {
        let refused = |error: &RowError| Cause::of_row(error.reason(), error.to_string());
        if !matches!(error, RowError::Json(_)) {
            return Err(refused(error));
        }
        let form = self.rows.settings().form;
        let stages = self.stages.clone();
        let mut stages = stages.borrow_mut();
        let Some(converted) = stages.convert_again(record, original, form == Form::Json) else { return Err(refused(error)) };
        // Dropped, or a tombstone by then: neither happens to a value that is not JSON.
        let converted = converted?.iter().next().filter(|record| record.value().is_some()).ok_or_else(|| refused(error))?;
        self.rows.set_form(Form::Json);
        let written = self.rows.write(converted, emit_index, self.lanes[lane].body.buffer());
        self.rows.set_form(form);
        written.map_err(|error| refused(&error))
    }

    /// A record that cannot be loaded goes to the dead letter topic, is dropped by name, or stops the partition.
    fn set_aside(&mut self, record: Record<'_>, cause: &Cause) -> Result<Passed, EncodeEnd> {
        let (topic, partition, offset, reason) = (record.topic(), record.partition(), record.offset(), cause.reason);
        let settings = &self.context.settings;
        if settings.log_errors {
            // What the cause says may speak of the record, so it is logged only where that is asked for.
            let error = settings.log_messages.then_some(cause.message.as_str());
            warn!(topic, partition, %offset, reason, stage = cause.stage.as_str(), error, "record cannot be loaded");
        }
        match cause.on_error.unwrap_or(settings.on_error) {
            OnError::Block => {
                error!(topic, partition, %offset, reason, error = cause.message, "record cannot be loaded, partition stops");
                self.refusal = Some(format!("offset {offset}: {}: {}", cause.exception, cause.message));
                return Err(EncodeEnd::Refused);
            }
            OnError::Drop => {
                debug!(topic, partition, %offset, reason, "record dropped");
                self.context.progress.dropped(reason, 1);
                return Ok(Passed::Nothing);
            }
            OnError::DeadLetter => {}
        }
        let dead_letters = self.context.dead_letters().expect("settings ask for a dead letter topic");
        let headers = letter::Headers::of(record, cause, &settings.letters, self.worker);
        match dead_letters.send(&DeadLetter { record, headers: &headers.as_pairs() }, self.epoch()) {
            Ok(()) => {
                kill_point("dead_letter_sent");
                self.context.progress.dead_letter(reason);
                debug!(topic, partition, %offset, reason, "dead letter sent");
                Ok(Passed::DeadLetter)
            }
            Err(error) if error.class() == ErrorClass::Transient => Err(EncodeEnd::Later),
            Err(error) => {
                error!(topic, partition, %offset, error = %error, "dead letter refused");
                self.context.board.error(format!("dead letter refused: {error}"));
                Err(EncodeEnd::DeadLettersRefused)
            }
        }
    }
}

/// What a record that was passed left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    Rows,
    DeadLetter,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EncodeEnd {
    Finished,
    Full,
    /// The next record does not fit into what is left of this lane's body.
    BodyFull(usize),
    /// The dead letter producer is full for the moment.
    Later,
    /// A record cannot be loaded, and the configuration says to stop.
    Refused,
    DeadLettersRefused,
}

/// How far a batch was looked at.
#[derive(Default)]
struct LookedAt {
    last: Option<Offset>,
    dead_letters: Vec<Offset>,
}

impl LookedAt {
    fn passed(&mut self, offset: Offset, kind: Passed) {
        if kind == Passed::DeadLetter {
            self.dead_letters.push(offset);
        }
    }
}

/// The first record of the batch that was not looked at before.
fn first_after(work: &Work, resume_after: Option<Offset>) -> Option<Offset> {
    let offsets = work.batch.offsets();
    let index = resume_after.map_or(0, |resume_after| offsets.partition_point(|offset| *offset <= resume_after.get()));
    offsets.get(index).and_then(|offset| Offset::new(*offset))
}

/// How many outputs from `index` on come from the same record.
fn siblings(offsets: &[i64], index: usize) -> usize {
    offsets[index..].iter().take_while(|offset| **offset == offsets[index]).count()
}

/// The record as Kafka had it, for a dead letter.
fn original_of<'a>(work: &'a Work, output: Record<'a>) -> Record<'a> {
    let index = work.batch.offsets().binary_search(&output.offset().get());
    index.map_or(output, |index| work.batch.record(index))
}
