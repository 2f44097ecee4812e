//! Random histories through the partition machine, judged.
//!
//! A history is a seed. It makes a partition's log (gaps, records without rows, split records, poison, and some that are poison now and
//! then), one to three tables, each with a channel that keeps the documented rules (a continuation token is good once, an opening fences
//! and discards), a consumer group, and two gateways that come, go, crash, swap their plugins and wake up as zombies, over a network
//! that loses requests and answers. Which table a record goes to follows from its offset and from the routing, which changes: with the
//! plugins while a gateway runs, with plugins and tables between two runs. A partition that another routing stops is started again with
//! the one it had. When the faults end, every record must be in one table once and in order, or dropped, or a dead letter; at no moment
//! may the group offset have passed a record that was none of these; and plugins are swapped only with nothing at hand, where the group
//! has what the earlier ones settled.
//!
//! No zombie outlives the routing that it knows: one that wakes up behind a change of it would load by the earlier one.

mod group;
mod judge;
mod nemesis;
mod outside;
mod snowflake;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use snowgate_record::{Offset, OffsetRange};

use crate::partition::{
    Action, AppendOutcome, Before, Begin, BlockReason, BodyId, Encoded, Event, Lanes, Millis, OpenOutcome, Policy, Remembered,
    Session, Step, To,
};

use outside::{Channel, Config, Kind, LogRecord, Memo, Random, Row, Token};

const MOST_TABLES: usize = 3;

enum Request {
    Open { lane: usize, session: Session, force: bool },
    Append { lane: usize, session: Session, body: BodyId, token: Token, rows: Vec<Row>, end: i64 },
    Status { lane: usize, session: Session },
    DeadLetter(i64),
}

enum Delivery {
    Server { gateway: usize, life: u64, request: Request },
    Gateway { gateway: usize, life: u64, to: To, event: Event<Token> },
    Committed { gateway: usize, life: u64, memo: Memo },
    Tick { gateway: usize, life: u64 },
    Poll { gateway: usize, life: u64 },
    Rewound { gateway: usize, life: u64, from: i64 },
    CommitChannel,
    Nemesis,
}

struct Gateway {
    lanes: Lanes<Token>,
    /// By which it reads, and by which it will when its plugins are swapped.
    config: Config,
    wanted: Config,
    life: u64,
    /// What Kafka's group says; a zombie's generation is an old one.
    generation: u64,
    cursor: Option<i64>,
    /// Lane by lane.
    open: Vec<Vec<Row>>,
    bodies: HashMap<(usize, BodyId), Vec<Row>>,
    draining: bool,
    last_commit: Option<Memo>,
    /// A group commit that was lost on the way: the consumer sends the latest again.
    unsent_commit: Option<Memo>,
    /// Where it asked last to read again.
    rewinding: Option<i64>,
    /// One status request at a time: answers never overtake each other.
    next_status: Vec<Millis>,
}

impl Gateway {
    fn new(policy: &Policy, config: Config, life: u64, generation: u64) -> Gateway {
        Gateway {
            lanes: Lanes::new(policy, config.tables, config.routing().is_some(), false),
            config,
            wanted: config,
            life,
            generation,
            cursor: None,
            open: vec![Vec::new(); config.tables],
            bodies: HashMap::new(),
            draining: false,
            last_commit: None,
            unsent_commit: None,
            rewinding: None,
            next_status: vec![0; config.tables],
        }
    }
}

struct World {
    seed: u64,
    random: Random,
    now: Millis,
    heap: BinaryHeap<Reverse<(Millis, u64)>>,
    deliveries: HashMap<u64, Delivery>,
    order: u64,
    log: Vec<LogRecord>,
    /// Table by table.
    channels: Vec<Channel>,
    /// As a gateway that starts would find it.
    config: Config,
    /// Every one that there ever was.
    configs: Vec<Config>,
    /// From when on no zombie is left.
    no_zombie_from: Millis,
    /// The partition stands still for another routing: start again with this one.
    restart_with: Option<Config>,
    gateways: Vec<Gateway>,
    generation: u64,
    owner: Option<usize>,
    group: Option<Memo>,
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
                4 => Kind::Slow,
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
        let config = Config { tables: if random.chance(40) { 1 } else { 2 + random.below(2) as usize }, plugins: 0 };
        let gateways = (0..2).map(|_| Gateway::new(&policy, config, 0, 0)).collect();
        let channel = || Channel { malformed_offset: malformed, too_large, ..Channel::default() };
        World {
            seed,
            random,
            now: 0,
            heap: BinaryHeap::new(),
            deliveries: HashMap::new(),
            order: 0,
            log,
            channels: (0..MOST_TABLES).map(|_| channel()).collect(),
            config,
            configs: vec![config],
            no_zombie_from: 0,
            restart_with: None,
            gateways,
            generation: 0,
            owner: None,
            group: None,
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

    fn event(&mut self, to: usize, whom: To, event: Event<Token>) {
        self.take(to, |lanes, now, steps| lanes.on(whom, event, now, steps));
    }

    fn take(&mut self, to: usize, take: impl FnOnce(&mut Lanes<Token>, Millis, &mut Vec<Step<Token>>)) {
        let mut steps = Vec::new();
        let now = self.now;
        take(&mut self.gateways[to].lanes, now, &mut steps);
        for (lane, action) in steps {
            self.carry_out(to, lane, action);
        }
        let life = self.gateways[to].life;
        if let Some(due) = self.gateways[to].lanes.due_at() {
            self.after(due.saturating_sub(now).max(1), Delivery::Tick { gateway: to, life });
        }
        if let Some(config) = self.restart_with.take() {
            self.set_config(config);
            self.crash(to);
            let next = self.random.below(2) as usize;
            self.assign(next);
        }
    }

    fn carry_out(&mut self, from: usize, lane: usize, action: Action<Token>) {
        let life = self.gateways[from].life;
        let seed = self.seed;
        match action {
            Action::Open { session, force } => self.send(from, Request::Open { lane, session, force }),
            Action::StartAt(at) => {
                let gateway = &mut self.gateways[from];
                gateway.cursor = gateway.cursor.or(Some(at.map_or(0, Offset::get)));
            }
            Action::StartAtBeginning => {
                let gateway = &mut self.gateways[from];
                gateway.cursor = gateway.cursor.or(Some(0));
            }
            Action::Seal { body, .. } => {
                let rows = std::mem::take(&mut self.gateways[from].open[lane]);
                assert!(!rows.is_empty(), "seed {seed}: an empty body was sealed");
                self.gateways[from].bodies.insert((lane, body), rows);
            }
            Action::DiscardOpen => self.gateways[from].open[lane].clear(),
            Action::Append { session, body, range, continuation, .. } => {
                let rows = self.gateways[from].bodies[&(lane, body)].clone();
                self.send(from, Request::Append { lane, session, body, token: continuation, rows, end: range.last().get() });
            }
            Action::Discard { body } => {
                self.gateways[from].bodies.remove(&(lane, body)).expect("only held bodies are discarded");
            }
            Action::CommitGroupOffset { next, .. } => {
                let gateway = &mut self.gateways[from];
                let committed = gateway.lanes.iter().map(|machine| machine.committed()).collect();
                let memo = Memo { group_offset: Some(next), config: gateway.config, committed, at_rest: false };
                gateway.last_commit = Some(memo.clone());
                self.commit_group(from, memo);
            }
            Action::Rewind { from: offset } => {
                self.gateways[from].rewinding = Some(offset.get());
                let delay = self.latency();
                self.after(delay, Delivery::Rewound { gateway: from, life, from: offset.get() });
            }
            Action::Drained => {
                if self.owner == Some(from) && self.gateways[from].draining {
                    let gateway = &self.gateways[from];
                    let last = gateway.last_commit.clone().filter(|_| gateway.lanes.is_at_rest());
                    if let Some(last) = last {
                        assert_eq!(last.group_offset.and_then(Offset::previous), gateway.lanes.settled(), "seed {seed}");
                        self.commit_group(from, Memo { at_rest: true, ..last });
                    }
                    self.owner = None;
                }
            }
            Action::Swap => {
                let gateway = &mut self.gateways[from];
                let is_empty = gateway.open.iter().all(Vec::is_empty) && gateway.bodies.is_empty();
                assert!(is_empty, "seed {seed}: plugins swapped with rows at hand");
                gateway.config = gateway.wanted;
                let gateway = &self.gateways[from];
                let is_owner = self.owner == Some(from) && gateway.generation == self.generation;
                let known = self.group.as_ref().and_then(|memo| memo.group_offset).and_then(Offset::previous);
                for machine in gateway.lanes.iter() {
                    assert!(!is_owner || machine.settled() <= known, "seed {seed}: plugins swapped before the group knew");
                }
            }
            Action::Blocked(BlockReason::RoutingChanged) if self.owner == Some(from) => {
                // Whoever has several tables tells the group before it appends, so without a word there was one.
                let first = Config { tables: 1, plugins: 0 };
                self.restart_with = Some(self.group.as_ref().map_or(first, |memo| memo.config));
            }
            Action::Blocked(_) | Action::Unblocked | Action::CommitStalled { .. } => {}
        }
    }

    /// Reads and encodes a few records, as the pipeline does.
    fn poll(&mut self, index: usize) {
        let life = self.gateways[index].life;
        for lane in 0..self.gateways[index].lanes.iter().count() {
            let gateway = &mut self.gateways[index];
            if gateway.lanes.of(lane).awaits_commit() && self.now >= gateway.next_status[lane] {
                gateway.next_status[lane] = self.now + 500;
                let session = gateway.lanes.of(lane).session();
                self.send(index, Request::Status { lane, session });
            }
        }
        if let Some(commit) = self.gateways[index].unsent_commit.clone() {
            self.commit_group(index, commit);
        }
        for _ in 0..1 + self.random.below(3) {
            if self.gateways[index].life != life || !self.gateways[index].lanes.wants_records() {
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
        let Gateway { lanes, open, config, .. } = gateway;
        let resume_after: Vec<_> = lanes.iter().map(|machine| machine.resume_after()).collect();
        let mut passed: Vec<i64> = Vec::new();
        let mut records = vec![0; lanes.iter().count()];
        let mut last_with_rows = vec![None; lanes.iter().count()];
        let mut dead_letters = Vec::new();
        let limit = 1 + self.random.below(6) as usize;
        for record in self.log.iter().filter(|record| record.offset >= cursor).take(limit) {
            let offset = Offset::new(record.offset).expect("a log's offsets are offsets");
            let kind = match record.kind {
                Kind::Slow if self.random.chance(30) => Kind::Poison,
                Kind::Slow => Kind::Rows(1),
                kind => kind,
            };
            match kind {
                Kind::Slow | Kind::Dropped => {}
                // Nobody knows to which lane it would have gone.
                Kind::Poison if resume_after.iter().any(|resume_after| Some(offset) > *resume_after) => dead_letters.push(offset),
                Kind::Poison => {}
                Kind::Rows(n) => {
                    let lane = config.route(self.seed, record.offset);
                    let (record_room, byte_room) = lanes.of(lane).room();
                    if Some(offset) <= resume_after[lane] {
                        // It is taken care of.
                    } else if lanes.of(lane).is_refused(offset) {
                        dead_letters.push(offset);
                    } else if records[lane] >= record_room || open[lane].len() >= byte_room {
                        break;
                    } else {
                        records[lane] += 1;
                        last_with_rows[lane] = Some(offset);
                        open[lane].extend((0..n).map(|emit| (record.offset, emit)));
                    }
                }
            }
            passed.push(record.offset);
        }
        let Some(last) = passed.last().copied() else { return false };
        gateway.cursor = Some(last + 1);
        let body_bytes: Vec<_> = gateway.open.iter().map(Vec::len).collect();
        for offset in &dead_letters {
            self.send(index, Request::DeadLetter(offset.get()));
        }
        let life = self.gateways[index].life;
        for lane in 0..records.len() {
            let unseen = |offset: &i64| Offset::new(*offset) > resume_after[lane];
            let Some(first) = passed.iter().copied().find(unseen) else { continue };
            let encoded = Encoded {
                range: OffsetRange::new(Offset::new(first).unwrap(), Offset::new(last).unwrap()),
                records: records[lane],
                last_with_rows: last_with_rows[lane],
                body_bytes: body_bytes[lane],
                dead_letters: dead_letters.iter().copied().filter(|offset| unseen(&offset.get())).collect(),
            };
            self.event(index, To::Lane(lane), Event::Encoded(encoded));
            if self.gateways[index].life != life {
                break;
            }
        }
        true
    }

    fn step(&mut self) -> bool {
        let Some(Reverse((at, id))) = self.heap.pop() else { return false };
        self.steps += 1;
        self.now = at;
        match self.deliveries.remove(&id).expect("every entry of the heap has its delivery") {
            Delivery::Server { gateway, life, request } => self.serve(gateway, life, request),
            Delivery::Gateway { gateway, life, to, event } => {
                if self.gateways[gateway].life == life {
                    if let (To::Lane(lane), Event::StatusSeen { .. }) = (to, &event) {
                        self.gateways[gateway].next_status[lane] = self.now + self.random.below(20);
                    }
                    self.event(gateway, to, event);
                }
            }
            Delivery::Committed { gateway, life, memo } => {
                if self.gateways[gateway].life == life {
                    let next = memo.group_offset.expect("a commit has an offset");
                    self.event(gateway, To::All, Event::GroupCommitted(next));
                    let gateway_is = &self.gateways[gateway];
                    if gateway_is.lanes.awaits_mark() && memo.config == gateway_is.config && !memo.at_rest {
                        self.take(gateway, |lanes, _, steps| lanes.marked(steps));
                    }
                }
            }
            Delivery::Tick { gateway, life } => {
                if self.gateways[gateway].life == life && self.gateways[gateway].lanes.due_at().is_some_and(|due| due <= at) {
                    self.event(gateway, To::All, Event::Tick);
                }
            }
            Delivery::Poll { gateway, life } => {
                if self.gateways[gateway].life == life {
                    self.poll(gateway);
                }
            }
            Delivery::Rewound { gateway, life, from } => {
                if self.gateways[gateway].life == life && self.gateways[gateway].rewinding == Some(from) {
                    self.gateways[gateway].rewinding = None;
                    self.gateways[gateway].cursor = Some(from);
                    self.event(gateway, To::All, Event::Rewound(Offset::new(from).expect("a log's offsets are offsets")));
                }
            }
            Delivery::CommitChannel => {
                for lane in 0..MOST_TABLES {
                    let n = self.random.below(3) as usize;
                    self.channels[lane].commit_some(n);
                }
                let delay = 5 + self.random.below(40);
                self.after(delay, Delivery::CommitChannel);
            }
            Delivery::Nemesis => self.nemesis(),
        }
        true
    }

    fn is_finished(&self) -> bool {
        let end = self.log.last().expect("a log has records").offset + 1;
        self.group.as_ref().and_then(|memo| memo.group_offset).map(Offset::get) == Some(end)
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
                self.event(index, To::All, Event::Lost);
            }
        }
        if let Some(owner) = self.owner
            && self.gateways[owner].draining
        {
            self.event(owner, To::All, Event::Lost);
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
                self.channels.iter().map(|channel| channel.committed).collect::<Vec<_>>(),
                self.owner.map(|owner| &self.gateways[owner].lanes)
            );
        }
        self.judge();
        self.steps
    }
}

#[test]
fn no_random_history_loses_or_doubles_a_record() {
    let histories: u64 = std::env::var("SNOWGATE_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(25_000);
    let first: u64 = std::env::var("SNOWGATE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let steps: u64 = (first..first + histories).map(|seed| World::new(seed).run()).sum();
    assert!(steps > histories * 50, "histories are too short to mean anything: {steps} steps");
}
