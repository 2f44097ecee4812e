//! Follows committed offsets: one bulk channel status for each pipe that has rows on their way.
//!
//! A channel is watched while it has appended rows that are not committed. A pipe is asked at most once per interval, one
//! request at a time, so answers never overtake each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use snowgate_snowflake::client::Client;
use snowgate_snowflake::wire::{ChannelName, ChannelStatus, PipeName};
use tokio::sync::Notify;
use tracing::warn;

use crate::killpoint::kill_point;
use crate::partition::{Event, Session};
use crate::worker::ReplyTo;

/// Snowflake commits every second or so: asking more often than twice a second tells nothing new.
const INTERVAL: Duration = Duration::from_millis(500);
/// Channels asked about in one request; the server has a limit that it does not document.
const CHANNELS_PER_REQUEST: usize = 200;

type Watches = HashMap<ChannelName, (Session, ReplyTo)>;

/// The channels that wait for a commit.
#[derive(Clone, Default)]
pub(crate) struct Commits {
    watches: Arc<Mutex<Watches>>,
    changed: Arc<Notify>,
}

/// Watches a channel for as long as it lives.
pub(crate) struct Watched {
    pub(crate) session: Session,
    channel: ChannelName,
    watches: Weak<Mutex<Watches>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(watches) = self.watches.upgrade() {
            let mut watches = watches.lock().expect("no one panics while holding the watches");
            if watches.get(&self.channel).is_some_and(|(session, _)| *session == self.session) {
                watches.remove(&self.channel);
            }
        }
    }
}

impl Commits {
    pub(crate) fn watch(&self, channel: &ChannelName, session: Session, reply: ReplyTo) -> Watched {
        self.watches.lock().expect("no one panics while holding the watches").insert(channel.clone(), (session, reply));
        self.changed.notify_one();
        Watched { session, channel: channel.clone(), watches: Arc::downgrade(&self.watches) }
    }

    /// Asks, for as long as the runtime lives.
    pub(crate) async fn follow(self, client: Client) {
        loop {
            if self.watches.lock().expect("no one panics while holding the watches").is_empty() {
                self.changed.notified().await;
            }
            tokio::time::sleep(INTERVAL).await;
            for (pipe, watches) in self.by_pipe() {
                for chunk in watches.chunks(CHANNELS_PER_REQUEST) {
                    ask(&client, &pipe, chunk).await;
                }
            }
        }
    }

    fn by_pipe(&self) -> HashMap<Arc<PipeName>, Vec<(String, Session, ReplyTo)>> {
        let mut by_pipe: HashMap<_, Vec<_>> = HashMap::new();
        for (channel, (session, reply)) in self.watches.lock().expect("no one panics while holding the watches").iter() {
            by_pipe.entry(channel.pipe.clone()).or_default().push((channel.channel.clone(), *session, reply.clone()));
        }
        by_pipe
    }
}

async fn ask(client: &Client, pipe: &PipeName, watches: &[(String, Session, ReplyTo)]) {
    let names: Vec<String> = watches.iter().map(|(channel, _, _)| channel.clone()).collect();
    let mut statuses = match client.channel_statuses(pipe, &names).await {
        Ok(statuses) => statuses,
        Err(error) => {
            warn!(pipe = %pipe, error = error.in_one_line(), "channel status failed");
            return;
        }
    };
    kill_point("status_answered");
    for (channel, session, reply) in watches {
        reply.clone().send(status_seen(*session, statuses.remove(channel)));
    }
}

/// A channel that the answer leaves out does not exist any more.
fn status_seen<C>(session: Session, status: Option<ChannelStatus>) -> Event<C> {
    match status {
        Some(status) if status.is_success() => {
            Event::StatusSeen { session, valid: true, committed: status.committed_offset, row_errors: status.rows_error_count }
        }
        Some(_) | None => Event::StatusSeen { session, valid: false, committed: None, row_errors: 0 },
    }
}
