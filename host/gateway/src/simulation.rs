//! Random histories through the partition machine, judged.
//!
//! A history is a seed. It makes a partition's log (gaps, records without rows, split records, poison), a Snowflake channel that
//! keeps the documented rules (a continuation token is good once, an opening fences and discards), a consumer group, and two
//! gateways that come, go, crash, swap their plugins and wake up as zombies, over a network that loses requests and answers. When
//! the faults end, every record must be in the table once and in order, or dropped, or a dead letter; at no moment may the group
//! offset have passed a record that was none of these; and plugins are swapped only with nothing at hand, where the group has what
//! the earlier ones settled.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use snowgate_record::{Offset, OffsetRange};

use crate::partition::{
    Action, AppendOutcome, BodyId, Encoded, Event, Millis, OpenOutcome, Partition, Policy, Remembered, Session,
};

/// SplitMix64: the whole history follows from the seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rows(u8),
    Dropped,
    Poison,
}

#[derive(Debug, Clone, Copy)]
struct LogRecord {
    offset: i64,
    kind: Kind,
}

/// A row: the record's offset and its place among the record's rows.
type Row = (i64, u8);

/// Which continuation is good: the opening and the append within it.
type Token = (u64, u64);

#[derive(Default)]
struct Channel {
    sequencer: u64,
    row: u64,
    committed: Option<i64>,
    table: Vec<Row>,
    /// Appended, not yet committed.
    waiting: Vec<(Vec<Row>, i64)>,
    /// The row in this many is one that Snowflake calls malformed.
    malformed_offset: Option<i64>,
    too_large: usize,
}

impl Channel {
    fn open(&mut self, force: bool) -> OpenOutcome<Token> {
        if !self.waiting.is_empty() && !force {
            return OpenOutcome::UncommittedRows;
        }
        self.waiting.clear();
        self.sequencer += 1;
        self.row = 0;
        OpenOutcome::Opened { continuation: (self.sequencer, 0), committed: self.committed.and_then(Offset::new), row_errors: 0 }
    }

    fn append(&mut self, token: Token, rows: &[Row], end: i64) -> AppendOutcome<Token> {
        if token != (self.sequencer, self.row) {
            return AppendOutcome::Stale;
        }
        if rows.len() > self.too_large {
            return AppendOutcome::TooLarge;
        }
        if rows.iter().any(|row| Some(row.0) == self.malformed_offset) {
            return AppendOutcome::Malformed;
        }
        self.row += 1;
        self.waiting.push((rows.to_vec(), end));
        AppendOutcome::Appended((self.sequencer, self.row))
    }

    fn commit_some(&mut self, n: usize) {
        for (rows, end) in self.waiting.drain(..n.min(self.waiting.len())) {
            self.table.extend(rows);
            self.committed = Some(end);
        }
    }
}

enum Request {
    Open { session: Session, force: bool },
    Append { session: Session, body: BodyId, token: Token, rows: Vec<Row>, end: i64 },
    Status { session: Session },
    DeadLetter(i64),
}

enum Delivery {
    Server { gateway: usize, life: u64, request: Request },
    Gateway { gateway: usize, life: u64, event: Event<Token> },
    Tick { gateway: usize, life: u64 },
    Poll { gateway: usize, life: u64 },
    Rewound { gateway: usize, life: u64, from: i64 },
    CommitChannel,
    Nemesis,
}

struct Gateway {
    machine: Partition<Token>,
    life: u64,
    /// What Kafka's group says; a zombie's generation is an old one.
    generation: u64,
    cursor: Option<i64>,
    open: Vec<Row>,
    bodies: HashMap<BodyId, Vec<Row>>,
    draining: bool,
    /// A group commit that was lost on the way: the consumer sends the latest again.
    unsent_commit: Option<Remembered>,
    /// One status request at a time: answers never overtake each other.
    next_status: Millis,
}

struct World {
    seed: u64,
    random: Random,
    now: Millis,
    heap: BinaryHeap<Reverse<(Millis, u64)>>,
    deliveries: HashMap<u64, Delivery>,
    order: u64,
    log: Vec<LogRecord>,
    channel: Channel,
    gateways: Vec<Gateway>,
    generation: u64,
    owner: Option<usize>,
    group: Remembered,
    dead: HashSet<i64>,
    lives: u64,
    faulty: bool,
    policy: Policy,
    steps: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let mut log = Vec::new();
        let mut offset = 0;
        for _ in 0..5 + random.below(40) {
            offset += if random.chance(10) { 1 + random.below(4) as i64 } else { 0 };
            let kind = match random.below(10) {
                0 => Kind::Poison,
                1 | 2 => Kind::Dropped,
                3 => Kind::Rows(1 + random.below(3) as u8),
                _ => Kind::Rows(1),
            };
            log.push(LogRecord { offset, kind });
            offset += 1;
        }
        let malformed = random.chance(10).then(|| log[random.below(log.len() as u64) as usize].offset);
        let too_large = if random.chance(15) { 3 + random.below(6) as usize } else { usize::MAX };
        let policy = Policy {
            body_bytes: 1 + random.below(12) as usize,
            linger: random.below(40),
            max_bodies: 1 + random.below(4) as usize,
            backoff_min: 1 + random.below(10),
            backoff_max: 200,
            max_resends: random.below(4) as u32,
            uncommitted_patience: 100 + random.below(300),
            probe_interval: 100,
            max_fences: 2 + random.below(3) as u32,
            accept_regression: false,
            commit_stall: 100,
        };
        let gateways = (0..2)
            .map(|_| Gateway {
                machine: Partition::new(policy.clone()),
                life: 0,
                generation: 0,
                cursor: None,
                open: Vec::new(),
                bodies: HashMap::new(),
                draining: false,
                unsent_commit: None,
                next_status: 0,
            })
            .collect();
        World {
            seed,
            random,
            now: 0,
            heap: BinaryHeap::new(),
            deliveries: HashMap::new(),
            order: 0,
            log,
            channel: Channel { malformed_offset: malformed, too_large, ..Channel::default() },
            gateways,
            generation: 0,
            owner: None,
            group: Remembered::default(),
            dead: HashSet::new(),
            lives: 0,
            faulty: true,
            policy,
            steps: 0,
        }
    }

    fn after(&mut self, delay: Millis, delivery: Delivery) {
        self.order += 1;
        self.heap.push(Reverse((self.now + delay, self.order)));
        self.deliveries.insert(self.order, delivery);
    }

    fn latency(&mut self) -> Millis {
        if self.faulty && self.random.chance(10) { 20 + self.random.below(200) } else { 1 + self.random.below(10) }
    }

    fn assign(&mut self, to: usize) {
        self.generation += 1;
        self.lives += 1;
        self.owner = Some(to);
        let gateway = &mut self.gateways[to];
        gateway.life = self.lives;
        gateway.generation = self.generation;
        gateway.open.clear();
        gateway.bodies.clear();
        gateway.draining = false;
        gateway.unsent_commit = None;
        gateway.cursor = None;
        let remembered = self.group;
        let life = gateway.life;
        self.event(to, Event::Assigned(remembered));
        if self.random.chance(20) {
            // The group could not wait for the channel: start where the group offset or the configuration says.
            self.gateways[to].cursor = Some(remembered.group_offset.map_or(0, Offset::get));
            self.event(to, Event::StartedBlind);
        }
        self.after(1, Delivery::Poll { gateway: to, life });
    }

    fn event(&mut self, to: usize, event: Event<Token>) {
        let mut actions = Vec::new();
        let now = self.now;
        self.gateways[to].machine.on(event, now, &mut actions);
        for action in actions {
            self.carry_out(to, action);
        }
        let life = self.gateways[to].life;
        if let Some(due) = self.gateways[to].machine.due_at() {
            self.after(due.saturating_sub(now).max(1), Delivery::Tick { gateway: to, life });
        }
    }

    fn carry_out(&mut self, from: usize, action: Action<Token>) {
        let life = self.gateways[from].life;
        let seed = self.seed;
        match action {
            Action::Open { session, force } => self.send(from, Request::Open { session, force }),
            Action::StartAt(at) => {
                let gateway = &mut self.gateways[from];
                gateway.cursor = gateway.cursor.or(Some(at.map_or(0, Offset::get)));
            }
            Action::Seal { body, .. } => {
                let rows = std::mem::take(&mut self.gateways[from].open);
                assert!(!rows.is_empty(), "seed {seed}: an empty body was sealed");
                self.gateways[from].bodies.insert(body, rows);
            }
            Action::DiscardOpen => self.gateways[from].open.clear(),
            Action::Append { session, body, range, continuation, .. } => {
                let rows = self.gateways[from].bodies[&body].clone();
                self.send(from, Request::Append { session, body, token: continuation, rows, end: range.last().get() });
            }
            Action::Discard { body } => {
                self.gateways[from].bodies.remove(&body).expect("only held bodies are discarded");
            }
            Action::CommitGroupOffset { next, committed, row_errors } => {
                self.commit_group(from, Remembered { group_offset: Some(next), committed_offset: committed, row_errors });
            }
            Action::Rewind { from: offset } => {
                let delay = self.latency();
                self.after(delay, Delivery::Rewound { gateway: from, life, from: offset.get() });
            }
            Action::Drained => {
                if self.owner == Some(from) && self.gateways[from].draining {
                    self.owner = None;
                }
            }
            Action::Swap => {
                let gateway = &self.gateways[from];
                assert!(gateway.open.is_empty() && gateway.bodies.is_empty(), "seed {seed}: plugins swapped with rows at hand");
                let is_owner = self.owner == Some(from) && gateway.generation == self.generation;
                let known = self.group.group_offset.and_then(Offset::previous);
                assert!(!is_owner || gateway.machine.settled() <= known, "seed {seed}: plugins swapped before the group knew");
            }
            Action::Blocked(_) | Action::Unblocked | Action::CommitStalled { .. } => {}
        }
    }

    fn commit_group(&mut self, from: usize, commit: Remembered) {
        // Kafka refuses the commit of a member that lost the partition.
        if self.gateways[from].generation != self.generation || self.owner != Some(from) {
            return;
        }
        let next = commit.group_offset.expect("a commit has an offset");
        self.check_settled_below(next);
        // A commit may be lost, never reordered.
        let lost = self.faulty && self.random.chance(30);
        self.gateways[from].unsent_commit = lost.then_some(commit);
        if !lost {
            self.group = commit;
            let (life, delay) = (self.gateways[from].life, self.latency());
            if !(self.faulty && self.random.chance(20)) {
                self.after(delay, Delivery::Gateway { gateway: from, life, event: Event::GroupCommitted(next) });
            }
        }
    }

    fn check_settled_below(&self, next: Offset) {
        for record in self.log.iter().take_while(|record| record.offset < next.get()) {
            let settled = match record.kind {
                Kind::Dropped => true,
                Kind::Poison => self.dead.contains(&record.offset),
                Kind::Rows(n) => {
                    (0..n).all(|emit| self.channel.table.contains(&(record.offset, emit))) || self.dead.contains(&record.offset)
                }
            };
            assert!(settled, "seed {}: the group offset {next} passed offset {}", self.seed, record.offset);
        }
    }

    fn send(&mut self, gateway: usize, request: Request) {
        let life = self.gateways[gateway].life;
        let delay = self.latency();
        if self.faulty && self.random.chance(12) {
            // Lost on the way, or late: the client gives up first, and the request may still arrive.
            let event = match &request {
                Request::Open { session, .. } => {
                    Some(Event::OpenAnswered { session: *session, outcome: OpenOutcome::Unknown { retry_after: None } })
                }
                Request::Append { session, body, .. } => {
                    Some(Event::AppendAnswered { session: *session, body: *body, outcome: AppendOutcome::Unknown })
                }
                Request::Status { .. } => None,
                Request::DeadLetter(_) => Some(Event::DeadLetterFailed),
            };
            if let Some(event) = event {
                self.after(delay, Delivery::Gateway { gateway, life, event });
            }
            if self.random.chance(40) {
                let late = delay + self.random.below(300);
                self.after(late, Delivery::Server { gateway, life: 0, request });
            }
            return;
        }
        self.after(delay, Delivery::Server { gateway, life, request });
    }

    /// `life` 0: nobody waits for the answer any more.
    fn serve(&mut self, gateway: usize, life: u64, request: Request) {
        let event = match request {
            Request::Open { session, force } => Event::OpenAnswered { session, outcome: self.channel.open(force) },
            Request::Append { session, body, token, rows, end } => {
                let outcome = if self.faulty && self.random.chance(5) {
                    AppendOutcome::NotApplied { retry_after: self.random.chance(50).then_some(30) }
                } else {
                    self.channel.append(token, &rows, end)
                };
                // Applied, and the answer lost.
                let outcome = if self.faulty && self.random.chance(8) { AppendOutcome::Unknown } else { outcome };
                Event::AppendAnswered { session, body, outcome }
            }
            Request::Status { session } => Event::StatusSeen {
                session,
                valid: !(self.faulty && self.random.chance(3)),
                committed: self.channel.committed.and_then(Offset::new),
                row_errors: 0,
            },
            Request::DeadLetter(offset) => {
                self.dead.insert(offset);
                Event::DeadLetterDelivered(Offset::new(offset).expect("a log's offsets are offsets"))
            }
        };
        if life != 0 {
            let delay = self.latency();
            self.after(delay, Delivery::Gateway { gateway, life, event });
        }
    }

    /// Reads and encodes a few records, as the pipeline does.
    fn poll(&mut self, index: usize) {
        let life = self.gateways[index].life;
        if self.gateways[index].machine.awaits_commit() && self.now >= self.gateways[index].next_status {
            self.gateways[index].next_status = self.now + 500;
            let session = self.gateways[index].machine.session();
            self.send(index, Request::Status { session });
        }
        if let Some(commit) = self.gateways[index].unsent_commit {
            self.commit_group(index, commit);
        }
        for _ in 0..1 + self.random.below(3) {
            if !self.gateways[index].machine.wants_records() {
                break;
            }
            if !self.read_batch(index) {
                break;
            }
        }
        let delay = 1 + self.random.below(8);
        self.after(delay, Delivery::Poll { gateway: index, life });
    }

    fn read_batch(&mut self, index: usize) -> bool {
        let gateway = &mut self.gateways[index];
        let Some(cursor) = gateway.cursor else { return false };
        let resume_after = gateway.machine.resume_after();
        let (record_room, byte_room) = gateway.machine.room();
        let mut encoded: Option<Encoded> = None;
        let mut sent = Vec::new();
        let limit = 1 + self.random.below(6) as usize;
        for record in self.log.iter().filter(|record| record.offset >= cursor).take(limit) {
            let offset = Offset::new(record.offset).expect("a log's offsets are offsets");
            if Some(offset) <= resume_after {
                gateway.cursor = Some(record.offset + 1);
                continue;
            }
            let full = encoded.as_ref().is_some_and(|e| e.records >= record_room) || gateway.open.len() >= byte_room;
            if full {
                break;
            }
            gateway.cursor = Some(record.offset + 1);
            let encoded = encoded.get_or_insert(Encoded {
                range: OffsetRange::new(offset, offset),
                records: 0,
                last_with_rows: None,
                body_bytes: 0,
                dead_letters: Vec::new(),
            });
            encoded.range = encoded.range.extend_to(offset);
            match record.kind {
                Kind::Dropped => {}
                Kind::Rows(n) if !gateway.machine.is_refused(offset) => {
                    encoded.records += 1;
                    encoded.last_with_rows = Some(offset);
                    gateway.open.extend((0..n).map(|emit| (record.offset, emit)));
                }
                Kind::Rows(_) | Kind::Poison => {
                    encoded.dead_letters.push(offset);
                    sent.push(record.offset);
                }
            }
            encoded.body_bytes = gateway.open.len();
        }
        let Some(encoded) = encoded else { return false };
        for offset in sent {
            self.send(index, Request::DeadLetter(offset));
        }
        self.event(index, Event::Encoded(encoded));
        true
    }

    fn nemesis(&mut self) {
        if !self.faulty {
            return;
        }
        match self.owner {
            None => {
                let to = self.random.below(2) as usize;
                self.assign(to);
            }
            Some(owner) => match self.random.below(8) {
                // A crash: nothing in the process survives, requests under way do.
                0 => {
                    self.lives += 1;
                    self.gateways[owner].life = self.lives;
                    self.gateways[owner].machine = Partition::new(self.policy.clone());
                    self.owner = None;
                }
                // An orderly hand-over.
                1 | 2 => {
                    self.gateways[owner].draining = true;
                    let deadline = self.now + self.random.below(120);
                    self.event(owner, Event::Revoked { deadline });
                }
                // A zombie: the group goes on without it, and it does not know yet.
                3 => {
                    let life = self.gateways[owner].life;
                    let late = self.random.below(300);
                    self.after(late, Delivery::Gateway { gateway: owner, life, event: Event::Lost });
                    self.assign(1 - owner);
                }
                4 | 5 => self.event(owner, Event::SwapAsked),
                _ => {}
            },
        }
        let delay = 10 + self.random.below(150);
        self.after(delay, Delivery::Nemesis);
    }

    fn step(&mut self) -> bool {
        let Some(Reverse((at, id))) = self.heap.pop() else { return false };
        self.steps += 1;
        self.now = at;
        match self.deliveries.remove(&id).expect("every entry of the heap has its delivery") {
            Delivery::Server { gateway, life, request } => self.serve(gateway, life, request),
            Delivery::Gateway { gateway, life, event } => {
                if self.gateways[gateway].life == life {
                    if matches!(event, Event::StatusSeen { .. }) {
                        self.gateways[gateway].next_status = self.now + self.random.below(20);
                    }
                    self.event(gateway, event);
                }
            }
            Delivery::Tick { gateway, life } => {
                if self.gateways[gateway].life == life && self.gateways[gateway].machine.due_at().is_some_and(|due| due <= at) {
                    self.event(gateway, Event::Tick);
                }
            }
            Delivery::Poll { gateway, life } => {
                if self.gateways[gateway].life == life {
                    self.poll(gateway);
                }
            }
            Delivery::Rewound { gateway, life, from } => {
                if self.gateways[gateway].life == life {
                    self.gateways[gateway].cursor = Some(from);
                    self.event(gateway, Event::Rewound(Offset::new(from).expect("a log's offsets are offsets")));
                }
            }
            Delivery::CommitChannel => {
                let n = self.random.below(3) as usize;
                self.channel.commit_some(n);
                let delay = 5 + self.random.below(40);
                self.after(delay, Delivery::CommitChannel);
            }
            Delivery::Nemesis => self.nemesis(),
        }
        true
    }

    fn is_finished(&self) -> bool {
        let end = self.log.last().expect("a log has records").offset + 1;
        self.group.group_offset.map(Offset::get) == Some(end)
    }

    /// Faults for a while, then quiet, then judgement.
    fn run(mut self) -> u64 {
        self.after(1, Delivery::Nemesis);
        self.after(1, Delivery::CommitChannel);
        let quiet = 500 + self.random.below(2_500);
        while self.now < quiet && self.step() {}
        self.faulty = false;
        // A zombie learns in the end, and somebody owns the partition.
        for index in 0..2 {
            if self.owner != Some(index) {
                self.event(index, Event::Lost);
            }
        }
        if let Some(owner) = self.owner
            && self.gateways[owner].draining
        {
            self.event(owner, Event::Lost);
            self.owner = None;
        }
        if self.owner.is_none() {
            let to = self.random.below(2) as usize;
            self.assign(to);
        }
        let limit = self.now + 60_000;
        while !self.is_finished() {
            assert!(
                self.now < limit && self.step(),
                "seed {}: not drained: group {:?}, committed {:?}, machine {:?}",
                self.seed,
                self.group,
                self.channel.committed,
                self.owner.map(|owner| &self.gateways[owner].machine)
            );
        }
        self.judge();
        self.steps
    }

    fn judge(&self) {
        let seed = self.seed;
        let mut seen: BTreeMap<Row, usize> = BTreeMap::new();
        for row in &self.channel.table {
            *seen.entry(*row).or_default() += 1;
        }
        assert!(seen.values().all(|n| *n == 1), "seed {seed}: doubled rows in {:?}", self.channel.table);
        assert!(self.channel.table.is_sorted(), "seed {seed}: rows out of order: {:?}", self.channel.table);
        for record in &self.log {
            let rows = self.channel.table.iter().filter(|row| row.0 == record.offset).count();
            match record.kind {
                Kind::Dropped => assert_eq!(rows, 0, "seed {seed}: a dropped record has rows"),
                Kind::Poison => {
                    assert_eq!(rows, 0, "seed {seed}: a poison record has rows");
                    assert!(self.dead.contains(&record.offset), "seed {seed}: offset {} is lost", record.offset);
                }
                Kind::Rows(n) => {
                    let refused = Some(record.offset) == self.channel.malformed_offset || usize::from(n) > self.channel.too_large;
                    if refused {
                        assert!(self.dead.contains(&record.offset), "seed {seed}: refused offset {} is lost", record.offset);
                    } else {
                        assert_eq!(rows, usize::from(n), "seed {seed}: rows of offset {}", record.offset);
                    }
                }
            }
        }
    }
}

#[test]
fn no_random_history_loses_or_doubles_a_record() {
    let histories: u64 = std::env::var("SNOWGATE_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(25_000);
    let first: u64 = std::env::var("SNOWGATE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let steps: u64 = (first..first + histories).map(|seed| World::new(seed).run()).sum();
    assert!(steps > histories * 50, "histories are too short to mean anything: {steps} steps");
}
