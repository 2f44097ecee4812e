//! What there is to see of a pipeline while it works: where each partition stands, what holds it back, what went wrong last.
//!
//! Workers write here once per batch or event, never per record; whoever asks reads. Nothing here decides anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use snowgate_connect::snapshot::{Blocked, ErrorView, PartitionView, TableView};
use snowgate_record::{Offset, TopicPartition};
use snowgate_snowflake::names;
use snowgate_snowflake::wire::ChannelName;

use crate::partition::BlockReason;

/// Enough to see what happened, and no more than a page shows.
const ERRORS_KEPT: usize = 20;
/// A partition with records to read and nothing settled for so long is stalled, whatever the cause.
const STALL_MS: i64 = 60_000;
/// A request that fails and is tried again is worth a word after this long.
const TROUBLE_MS: i64 = 2_000;
/// A member of a group without a partition for so long is worth a word: longer than a rebalance takes where everybody answers.
const UNASSIGNED_MS: i64 = 30_000;
/// No offset yet.
const NONE: i64 = -1;
/// Why a partition waits whose plugin failed too often.
const RESTING: &str = "plugin_failing";

#[derive(Debug)]
pub(crate) struct Board {
    group: String,
    partitions: Mutex<BTreeMap<TopicPartition, Arc<Place>>>,
    errors: Mutex<VecDeque<ErrorView>>,
    /// By channel and its pipe: requests that fail and are tried again.
    troubles: Mutex<BTreeMap<(String, String), Blocked>>,
    /// Why Kafka cannot be used at the moment.
    kafka: Mutex<Option<String>>,
    /// Why the pipeline cannot go on at all.
    failed: Mutex<Option<String>>,
    /// The state that was seen last, and since when.
    state: Mutex<Option<(&'static str, i64)>>,
    /// Since when there has been no partition, where there is none; in milliseconds since 1970.
    unassigned_since: AtomicI64,
    standing: Mutex<Standing>,
}

/// How this member stands in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It asked to be a member; the group has not decided who has which partition.
    Joining,
    /// The group has decided.
    Joined,
    /// It is no member, for no topic's name matches this pattern.
    WithoutTopics(String),
}

/// Where one partition stands.
#[derive(Debug)]
pub(crate) struct Place {
    worker: u32,
    channel: String,
    /// Its own first.
    tables: Vec<TablePlace>,
    /// The next offset that is not settled.
    settled_next: AtomicI64,
    /// Of the record that was read last.
    timestamp: AtomicI64,
    has_read: AtomicBool,
    /// Since when somebody who looked has seen records wait with nothing settled in between, in milliseconds since 1970.
    waiting_since: AtomicI64,
    /// Since when a swap or an append waits for the group to take the group offset, in milliseconds since 1970.
    group_awaited_since: AtomicI64,
    blocked: Mutex<Option<Blocked>>,
}

/// Where the way into one table stands.
#[derive(Debug)]
struct TablePlace {
    table: String,
    pipe: String,
    committed: AtomicI64,
    appended: AtomicI64,
}

/// How a pipeline does, as the one word of its state says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    Running,
    Stalled(String),
    Failed(String),
}

impl Board {
    /// Of a member of `group`, which has no partition yet.
    pub(crate) fn new(group: &str) -> Board {
        Board {
            group: group.to_owned(),
            partitions: Mutex::default(),
            errors: Mutex::default(),
            troubles: Mutex::default(),
            kafka: Mutex::default(),
            failed: Mutex::default(),
            state: Mutex::default(),
            unassigned_since: now().into(),
            standing: Mutex::new(Standing::Joining),
        }
    }

    pub(crate) fn stands(&self, standing: Standing) {
        *lock(&self.standing) = standing;
    }

    /// A partition came, whose records go to `tables`, its own first.
    pub(crate) fn enter(&self, partition: &TopicPartition, worker: u32, channel: &str, tables: &[&str]) -> Arc<Place> {
        let table = |table: &&str| TablePlace {
            table: (*table).to_owned(),
            pipe: names::default_pipe(table),
            committed: NONE.into(),
            appended: NONE.into(),
        };
        let place = Arc::new(Place {
            worker,
            channel: channel.to_owned(),
            tables: tables.iter().map(table).collect(),
            settled_next: NONE.into(),
            timestamp: NONE.into(),
            has_read: AtomicBool::new(false),
            waiting_since: NONE.into(),
            group_awaited_since: NONE.into(),
            blocked: Mutex::default(),
        });
        lock(&self.partitions).insert(partition.clone(), place.clone());
        place
    }

    /// A partition went, unless another worker has it by now.
    pub(crate) fn leave(&self, partition: &TopicPartition, place: &Arc<Place>) {
        let mut partitions = lock(&self.partitions);
        if partitions.get(partition).is_some_and(|current| Arc::ptr_eq(current, place)) {
            partitions.remove(partition);
            if partitions.is_empty() {
                self.unassigned_since.store(now(), Ordering::Relaxed);
            }
            let mut troubles = lock(&self.troubles);
            place.tables.iter().for_each(|table| drop(troubles.remove(&(place.channel.clone(), table.pipe.clone()))));
        }
    }

    pub(crate) fn error(&self, text: impl Into<String>) {
        let mut errors = lock(&self.errors);
        errors.truncate(ERRORS_KEPT - 1);
        errors.push_front(ErrorView { at_ms: now(), text: text.into() });
    }

    /// Newest first.
    pub(crate) fn errors(&self) -> Vec<ErrorView> {
        lock(&self.errors).iter().cloned().collect()
    }

    /// A request for `channel` failed, or was answered.
    pub(crate) fn request(&self, channel: &ChannelName, error: Option<String>) {
        let mut troubles = lock(&self.troubles);
        let channel = (channel.channel.clone(), channel.pipe.pipe.clone());
        match error {
            None => drop(troubles.remove(&channel)),
            Some(text) => {
                let since_ms = troubles.get(&channel).map_or_else(now, |trouble| trouble.since_ms);
                let message = format!("retrying: {text}");
                troubles
                    .insert(channel, Blocked { reason: "retrying".to_owned(), message, hint: None, since_ms, needs_person: false });
                drop(troubles);
                self.error(text);
            }
        }
    }

    /// Why Kafka cannot be used, or that it can be again.
    pub(crate) fn kafka(&self, trouble: Option<String>) {
        if let Some(text) = &trouble {
            self.error(text.clone());
        }
        *lock(&self.kafka) = trouble;
    }

    pub(crate) fn fail(&self, why: String) {
        self.error(why.clone());
        lock(&self.failed).get_or_insert(why);
    }

    pub(crate) fn failed(&self) -> Option<String> {
        lock(&self.failed).clone()
    }

    /// Since when the pipeline is in `state`, as far as anybody looked.
    pub(crate) fn since(&self, state: &'static str) -> i64 {
        let mut seen = lock(&self.state);
        match *seen {
            Some((before, since)) if before == state => since,
            _ => seen.insert((state, now())).1,
        }
    }

    /// Each partition; `watermarks` says where its log ends.
    pub(crate) fn partitions(&self, watermarks: impl Fn(&TopicPartition) -> Option<(i64, i64)>) -> Vec<PartitionView> {
        let places: Vec<_> = lock(&self.partitions).iter().map(|(partition, place)| (partition.clone(), place.clone())).collect();
        let view = |(partition, place): &(TopicPartition, Arc<Place>)| {
            let mut view = place.view(partition, watermarks(partition).map(|(_, high)| high));
            if view.blocked.is_none() {
                let troubles = lock(&self.troubles);
                let of = |table: &TablePlace| troubles.get(&(place.channel.clone(), table.pipe.clone()));
                let trouble = place.tables.iter().filter_map(of).min_by_key(|trouble| trouble.since_ms);
                view.blocked = trouble.filter(|trouble| now() - trouble.since_ms > TROUBLE_MS).cloned();
            }
            view
        };
        places.iter().map(view).collect()
    }

    /// The topics that records came from, since they were forgotten last.
    pub(crate) fn topics(&self) -> BTreeSet<String> {
        let partitions = lock(&self.partitions);
        let read = partitions.iter().filter(|(_, place)| place.has_read.load(Ordering::Relaxed));
        read.map(|(partition, _)| partition.topic.to_string()).collect()
    }

    /// Each topic is named again when its next record is read.
    pub(crate) fn forget_topics(&self) {
        lock(&self.partitions).values().for_each(|place| place.has_read.store(false, Ordering::Relaxed));
    }

    pub(crate) fn health(&self, partitions: &[PartitionView]) -> Health {
        if let Some(why) = self.failed() {
            return Health::Failed(why);
        }
        if let Some(trouble) = &*lock(&self.kafka) {
            return Health::Stalled(trouble.clone());
        }
        if let Some(why) = self.undecided() {
            return Health::Stalled(why);
        }
        let blocked = partitions.iter().find_map(|partition| {
            let blocked = partition.blocked.as_ref()?;
            Some(tell(partition, blocked))
        });
        blocked.map_or(Health::Running, Health::Stalled)
    }

    /// The group has been deciding for long, and there is no partition until it has.
    fn undecided(&self) -> Option<String> {
        let seconds = self.unassigned_for()?;
        let group = &self.group;
        (*lock(&self.standing) == Standing::Joining).then(|| {
            format!(
                "the group `{group}` has given it no partition for {seconds} s\n  because: the group has not decided yet; it may wait \
                 for a member that went without a word, for as long as that one's `session.timeout.ms`\nhint: see who the members \
                 are: kafka-consumer-groups --describe --members --group {group}"
            )
        })
    }

    /// Nothing is wrong, but there is nothing to do either: why.
    pub(crate) fn spare(&self) -> Option<String> {
        let seconds = self.unassigned_for()?;
        let group = &self.group;
        match &*lock(&self.standing) {
            Standing::Joining => None,
            Standing::Joined => Some(format!(
                "the group `{group}` has given it no partition for {seconds} s\n  because: other members have all partitions\nhint: \
                 see who has them: kafka-consumer-groups --describe --group {group}"
            )),
            Standing::WithoutTopics(pattern) => Some(format!(
                "there has been no partition for {seconds} s\n  because: no topic that it may see matches `{pattern}`"
            )),
        }
    }

    /// How many seconds there has been no partition, once that is worth a word.
    fn unassigned_for(&self) -> Option<i64> {
        if !lock(&self.partitions).is_empty() {
            return None;
        }
        let waited = now() - self.unassigned_since.load(Ordering::Relaxed);
        (waited > UNASSIGNED_MS).then_some(waited / 1_000)
    }
}

impl Place {
    /// What is settled, and what is committed in each table and appended.
    pub(crate) fn set(&self, settled: Option<Offset>, tables: impl Iterator<Item = (Option<Offset>, Option<Offset>)>) {
        let number = |offset: Option<Offset>| offset.map_or(NONE, Offset::get);
        for (table, (committed, appended)) in self.tables.iter().zip(tables) {
            table.committed.store(number(committed), Ordering::Relaxed);
            table.appended.store(number(appended), Ordering::Relaxed);
        }
        let next = settled.map_or(NONE, |offset| offset.get() + 1);
        if self.settled_next.swap(next, Ordering::Relaxed) != next {
            self.waiting_since.store(NONE, Ordering::Relaxed);
        }
    }

    /// Whether the group has yet to take the group offset before anything goes on.
    pub(crate) fn awaits_group(&self, awaits: bool) {
        if !awaits {
            self.group_awaited_since.store(NONE, Ordering::Relaxed);
        } else if self.group_awaited_since.load(Ordering::Relaxed) == NONE {
            self.group_awaited_since.store(now(), Ordering::Relaxed);
        }
    }

    /// The timestamp of the record that was read last.
    pub(crate) fn read(&self, timestamp: i64) {
        self.timestamp.store(timestamp, Ordering::Relaxed);
        self.has_read.store(true, Ordering::Relaxed);
    }

    pub(crate) fn block(&self, reason: BlockReason, detail: Option<&str>) {
        let message = match detail {
            Some(detail) => format!("{}: {detail}", reason.as_str()),
            None => reason.as_str().to_owned(),
        };
        let blocked = Blocked {
            reason: reason.as_str().to_owned(),
            message,
            hint: Some(reason.hint().to_owned()),
            since_ms: now(),
            needs_person: !reason.may_pass(),
        };
        *lock(&self.blocked) = Some(blocked);
    }

    /// A plugin rests, and the partition with it.
    pub(crate) fn rest(&self, message: String, hint: Option<String>) {
        let (reason, since_ms) = (RESTING.to_owned(), now());
        *lock(&self.blocked) = Some(Blocked { reason, message, hint, since_ms, needs_person: false });
    }

    /// The rest is over. What else may hold the partition by now stays.
    pub(crate) fn rested(&self) {
        let mut blocked = lock(&self.blocked);
        if blocked.as_ref().is_some_and(|blocked| blocked.reason == RESTING) {
            *blocked = None;
        }
    }

    pub(crate) fn unblock(&self) {
        *lock(&self.blocked) = None;
        self.waiting_since.store(NONE, Ordering::Relaxed);
    }

    /// Records wait, and for long nothing was settled. A record that has just arrived after a silence is not that.
    fn stalled(&self, waits: bool) -> Option<Blocked> {
        if !waits {
            self.waiting_since.store(NONE, Ordering::Relaxed);
            return None;
        }
        let first_look = self.waiting_since.compare_exchange(NONE, now(), Ordering::Relaxed, Ordering::Relaxed);
        let since_ms = first_look.err()?;
        let waited = now() - since_ms;
        (waited > STALL_MS).then(|| Blocked {
            reason: "stalled".to_owned(),
            message: format!("stalled: records wait, and nothing was settled for {} s", waited / 1_000),
            hint: Some("see the log for what was tried".to_owned()),
            since_ms,
            needs_person: false,
        })
    }

    /// The group has not answered for long.
    fn unanswered(&self) -> Option<Blocked> {
        let since_ms = Some(self.group_awaited_since.load(Ordering::Relaxed)).filter(|since| *since != NONE)?;
        let waited = now() - since_ms;
        (waited > STALL_MS).then(|| Blocked {
            reason: "group_commit_pending".to_owned(),
            message: format!("group_commit_pending: the group has not taken its offset for {} s, and nothing goes on before", waited / 1_000),
            hint: Some(
                "see that the brokers answer and that the group is not deciding without end: kafka-consumer-groups --describe --state"
                    .to_owned(),
            ),
            since_ms,
            needs_person: false,
        })
    }

    fn view(&self, partition: &TopicPartition, log_end: Option<i64>) -> PartitionView {
        let number = |value: &AtomicI64| Some(value.load(Ordering::Relaxed)).filter(|value| *value >= 0);
        let settled_next = number(&self.settled_next);
        let lag = log_end.zip(settled_next).map(|(end, next)| u64::try_from(end - next).unwrap_or(0));
        let timestamp = number(&self.timestamp);
        let lag_seconds = match lag {
            Some(0) => Some(0.0),
            Some(_) => timestamp.map(|timestamp| (now() - timestamp).max(0) as f64 / 1e3),
            None => None,
        };
        let blocked =
            lock(&self.blocked).clone().or_else(|| self.unanswered()).or_else(|| self.stalled(lag.is_some_and(|lag| lag > 0)));
        let mut tables = self.tables.iter().map(|table| TableView {
            table: table.table.clone(),
            committed_offset: number(&table.committed),
            appended_offset: number(&table.appended),
        });
        let TableView { table, committed_offset, appended_offset } = tables.next().expect("a partition has a table of its own");
        PartitionView {
            topic: partition.topic.to_string(),
            partition: partition.partition,
            table,
            channel: self.channel.clone(),
            worker: self.worker,
            committed_offset,
            appended_offset,
            more_tables: tables.collect(),
            group_offset: settled_next,
            log_end_offset: log_end,
            lag_records: lag,
            lag_seconds,
            blocked,
        }
    }
}

/// What holds a partition back, in the form of all errors: what, because, and what to do.
pub(crate) fn tell(partition: &PartitionView, blocked: &Blocked) -> String {
    let hint = blocked.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("partition {} of `{}`\n  because: {}{hint}", partition.partition, partition.topic, blocked.message)
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A poisoned lock here still guards a whole value: each is changed by single assignments.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
