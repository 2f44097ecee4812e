//! Everything the stand-in knows, shared by both listeners: keys, catalogue, channels, the SQL engine, faults and the request log.
//!
//! Locks are held for the length of a look-up or an update, never while rows are read or SQL is run on behalf of another lock.
//! Where two are needed, the engine's is taken first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::auth::Auth;
use crate::catalog::{Catalog, Table};
use crate::channel::Channel;
use crate::driver::Sessions;
use crate::faults::Faults;
use crate::sql::engine::Engine;
use crate::statements::Statements;

/// Calls the request log remembers.
const LOGGED_CALLS: usize = 1000;

/// The stand-in has one account, as a run of the sandbox needs.
pub(crate) const DATABASE: &str = "CRYPTO_DB";

/// How the stand-in behaves; `POST /sandbox/settings` changes it while it runs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Settings {
    /// How long rows stay uncommitted; `None` until they are committed by hand.
    pub(crate) commit_delay_ms: Option<u64>,
    /// Rows stay to be queried; otherwise they are only checked and counted.
    pub(crate) keep_rows: bool,
    /// An append sent again with a token already used gets its first answer again, instead of being called stale.
    pub(crate) replay_answers: bool,
    /// Bytes an append may have on the wire.
    pub(crate) body_limit: usize,
    pub(crate) token_lifetime_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commit_delay_ms: Some(0),
            keep_rows: true,
            replay_answers: false,
            body_limit: 4 * 1024 * 1024,
            token_lifetime_s: 3600,
        }
    }
}

pub(crate) struct World {
    /// What `GET /v2/streaming/hostname` answers.
    pub(crate) hostname: String,
    pub(crate) settings: Mutex<Settings>,
    pub(crate) auth: Mutex<Auth>,
    pub(crate) state: Mutex<State>,
    pub(crate) engine: Mutex<Engine>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) log: Mutex<RequestLog>,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) statements: Mutex<Statements>,
}

impl World {
    pub(crate) fn new(hostname: &str, settings: Settings) -> Result<Self, String> {
        let mut state = State::default();
        state.catalog.create_database(DATABASE);
        Ok(Self {
            hostname: hostname.to_owned(),
            settings: Mutex::new(settings),
            auth: Mutex::new(Auth::new()),
            state: Mutex::new(state),
            engine: Mutex::new(Engine::new().map_err(|error| format!("could not start the SQL engine: {error}"))?),
            faults: Mutex::default(),
            log: Mutex::default(),
            sessions: Mutex::default(),
            statements: Mutex::default(),
        })
    }

    /// The state with everything committed that is due.
    pub(crate) fn settled(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        state.commit(Some(Instant::now()), |_| true);
        state
    }
}

/// Takes a lock; a panic in another call must not take the stand-in down with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as i64
}

/// Database, schema, pipe and channel in upper case, for URIs are read without regard to case.
pub(crate) type ChannelKey = [String; 4];

pub(crate) fn channel_key(database: &str, schema: &str, pipe: &str, channel: &str) -> ChannelKey {
    [database, schema, pipe, channel].map(str::to_uppercase)
}

/// The catalogue and the channels that load into it.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    pub(crate) channels: BTreeMap<ChannelKey, Channel>,
    /// Channels ever made; numbers each one's life.
    pub(crate) lives: u64,
}

impl State {
    /// Commits what is due at `now`, or everything with `None`, on the channels that `which` picks. Returns the rows committed.
    pub(crate) fn commit(&mut self, now: Option<Instant>, which: impl Fn(&Channel) -> bool) -> u64 {
        let at_ms = now_ms();
        let mut rows = 0;
        for channel in self.channels.values_mut().filter(|channel| channel.has_pending() && which(channel)) {
            let Some(table) = self.catalog.table_mut(channel.table) else { continue };
            for scan in channel.commit(now, at_ms) {
                rows += scan.accepted;
                load(table, scan);
            }
        }
        rows
    }

    /// The channel of a key, unless its table was dropped or replaced, which ends the channel.
    pub(crate) fn channel(&mut self, key: &ChannelKey) -> Option<&mut Channel> {
        let table = self.channels.get(key)?.table;
        if self.catalog.table(table).is_none() {
            self.channels.remove(key);
        }
        self.channels.get_mut(key)
    }
}

fn load(table: &mut Table, scan: crate::rows::Scan) {
    table.evolve(&scan.added, &scan.loosened);
    table.ledger.commit(scan.accepted, &scan.topics, &scan.origins);
    match scan.batch {
        Some(batch) if batch.len() > 0 => table.batches.push(Arc::new(batch)),
        Some(_) => {}
        None => table.counted_only += scan.accepted,
    }
}

/// The last calls, for tests and for people.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    calls: VecDeque<LoggedCall>,
    count: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct LoggedCall {
    pub(crate) number: u64,
    pub(crate) at_ms: i64,
    pub(crate) kind: &'static str,
    pub(crate) method: String,
    pub(crate) target: String,
    /// 0 when no answer was given.
    pub(crate) status: u16,
    pub(crate) body_bytes: usize,
    pub(crate) took_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
    /// What the caller was not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl RequestLog {
    pub(crate) fn push(&mut self, mut call: LoggedCall) {
        self.count += 1;
        call.number = self.count;
        if self.calls.len() == LOGGED_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    pub(crate) fn calls(&self) -> impl Iterator<Item = &LoggedCall> {
        self.calls.iter()
    }
}
