//! The snapshot again and again, for pages that watch: server-sent events, one a second.
//!
//! What must stay true: a snapshot is made once for all who watch, and only while somebody does; a stream ends with its client, which
//! gives its place to the next.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::watch::Source;

/// Pages that may watch at once: more than a team has people, few enough that what they are sent does not matter beside the records.
pub(super) const MAX_STREAMS: usize = 32;

const PERIOD: Duration = Duration::from_secs(1);

/// How old a snapshot may be that another page already has: less than a period, so that every page moves each second.
const FRESH: Duration = Duration::from_millis(500);

/// Milliseconds after which a page whose stream broke asks again.
const RETRY: Duration = Duration::from_millis(2000);

#[derive(Debug, Clone)]
pub(super) struct Events {
    source: Source,
    places: Arc<Semaphore>,
    latest: Arc<Mutex<Option<Told>>>,
}

/// A snapshot as it was sent, and when it was made.
#[derive(Debug)]
struct Told {
    at: Instant,
    text: Arc<str>,
}

/// A page that watches. Dropped with its connection.
struct Watcher {
    events: Events,
    interval: Interval,
    _place: OwnedSemaphorePermit,
}

impl Events {
    pub(super) fn over(source: Source) -> Events {
        Events { source, places: Arc::new(Semaphore::new(MAX_STREAMS)), latest: Arc::default() }
    }

    /// A stream, the first event at once; `None` when all places are taken.
    pub(super) fn open(&self) -> Option<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut interval = interval(PERIOD);
        // A slow client gets the newest snapshot when it can take one, not all it has missed.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watcher = Watcher { events: self.clone(), interval, _place: place };
        Some(Sse::new(stream::unfold(watcher, |mut watcher| async {
            let now = watcher.interval.tick().await;
            let event = Event::default().retry(RETRY).data(watcher.events.at(now));
            Some((Ok(event), watcher))
        })))
    }

    /// The snapshot as JSON. One line, for JSON escapes line breaks: an event needs that.
    pub(super) fn at(&self, now: Instant) -> Arc<str> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = &*latest
            && now.saturating_duration_since(told.at) < FRESH
        {
            return Arc::clone(&told.text);
        }
        let text: Arc<str> = serde_json::to_string(&self.source.look()).expect("a snapshot has only text as keys").into();
        *latest = Some(Told { at: now, text: Arc::clone(&text) });
        text
    }
}
