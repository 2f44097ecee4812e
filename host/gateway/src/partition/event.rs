//! The words between a partition's machine and whoever drives it: what may happen, and what is to be done.
//!
//! In reading order: [`Policy`] holds the limits and waits, [`Remembered`] and [`Encoded`] say what is put in, the outcomes say how
//! requests ended, [`BlockReason`] why a partition stands still, [`Event`] is all that may happen, [`Action`] all that may follow.
//! Only words live here. What they lead to is decided in the machine, and nothing here may depend on its state.

use snowgate_record::{Offset, OffsetRange};

/// Milliseconds on the caller's monotonic clock.
pub(crate) type Millis = u64;

/// Names a body between the machine and whoever holds its bytes.
pub(crate) type BodyId = u64;

/// Counts the openings of a channel: an answer from an earlier one is ignored.
pub(crate) type Session = u64;

/// Limits and waits, the same for all partitions of a pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Raw bytes at which the open body is sealed.
    pub(crate) body_bytes: usize,
    /// How long rows may wait in the open body.
    pub(crate) linger: Millis,
    /// Bodies that may be sealed and not yet committed; beyond it the partition reads no more.
    pub(crate) max_bodies: usize,
    /// First wait after a failed request; it doubles up to `backoff_max`.
    pub(crate) backoff_min: Millis,
    pub(crate) backoff_max: Millis,
    /// Identical resends of an append whose outcome is unknown, before the channel is opened anew to ask.
    pub(crate) max_resends: u32,
    /// How long an opening may be refused for rows that are still on their way, before they are given up and sent again.
    pub(crate) uncommitted_patience: Millis,
    /// How often a blocked partition looks whether the cause is gone.
    pub(crate) probe_interval: Millis,
    /// Fences without a commit in between that mean two writers are at the same channel.
    pub(crate) max_fences: u32,
    /// Go on when the channel has forgotten what the group offset remembers.
    pub(crate) accept_regression: bool,
    /// An appended body that waits this long for its commit is reported, and the channel opened anew to ask.
    pub(crate) commit_stall: Millis,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            body_bytes: 3_900_000,
            linger: 500,
            max_bodies: 8,
            backoff_min: 100,
            backoff_max: 30_000,
            max_resends: 5,
            uncommitted_patience: 120_000,
            probe_interval: 30_000,
            max_fences: 3,
            accept_regression: false,
            commit_stall: 60_000,
        }
    }
}

/// What was remembered at the last group commit, read back when the partition is assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Remembered {
    /// The next record to read.
    pub(crate) group_offset: Option<Offset>,
    /// The channel's committed offset when that was written.
    pub(crate) committed_offset: Option<Offset>,
    /// How many rows of the channel had been rejected by then; `None` where that was not written down.
    pub(crate) row_errors: Option<u64>,
}

/// What became of consecutive records that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// From the first to the last record looked at, those without rows included.
    pub(crate) range: OffsetRange,
    /// How many of them have rows.
    pub(crate) records: u64,
    /// The last of those.
    pub(crate) last_with_rows: Option<Offset>,
    /// Raw bytes in the open body in all.
    pub(crate) body_bytes: usize,
    /// Records that were sent to the dead letter topic and are not acknowledged yet.
    pub(crate) dead_letters: Vec<Offset>,
}

/// How an append ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppendOutcome<C> {
    Appended(C),
    /// Applied or not: nobody knows.
    Unknown,
    /// Certainly not applied; come back later.
    NotApplied {
        retry_after: Option<Millis>,
    },
    /// The channel no longer takes our continuation token.
    Stale,
    /// Table, pipe, schema or database is gone.
    ObjectMissing,
    /// The role may not, or the key is refused.
    Denied,
    /// Larger than Snowflake takes.
    TooLarge,
    /// Snowflake calls the rows malformed.
    Malformed,
}

/// How an opening ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpenOutcome<C> {
    Opened {
        continuation: C,
        committed: Option<Offset>,
        row_errors: u64,
    },
    /// Rows of an earlier session are still on their way.
    UncommittedRows,
    Unknown {
        retry_after: Option<Millis>,
    },
    ObjectMissing,
    Denied,
}

/// Why a partition takes no more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BlockReason {
    /// The channel's committed offset lies below what was seen before: table or channel was replaced.
    ChannelRegressed,
    /// The channel's committed offset lies beyond the end of the partition: the topic was recreated.
    TokenAheadOfLog,
    /// The group offset lies outside what the broker still holds.
    OffsetOutOfRange,
    /// Another writer opens the same channel again and again.
    ChannelContended,
    PermissionDenied,
    ObjectMissing,
    /// A record that cannot be loaded, and the configuration says to stop.
    RecordRefused,
    /// Snowflake took a body and could not load some of its rows.
    RowsRejected,
    /// Dead letters cannot be delivered.
    DeadLettersRefused,
    /// A plugin cannot be started again.
    PluginsFailed,
    /// What was read by another routing may be committed in one table and not in another.
    RoutingChanged,
    /// The partition cannot be read: corrupt batch, missing topic, missing right.
    Unreadable,
}

impl BlockReason {
    /// The name in logs, metrics and status.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            BlockReason::ChannelRegressed => "channel_regressed",
            BlockReason::TokenAheadOfLog => "token_ahead_of_log",
            BlockReason::OffsetOutOfRange => "offset_out_of_range",
            BlockReason::ChannelContended => "channel_contended",
            BlockReason::PermissionDenied => "permission_denied",
            BlockReason::ObjectMissing => "object_missing",
            BlockReason::RecordRefused => "record_refused",
            BlockReason::RowsRejected => "rows_rejected",
            BlockReason::DeadLettersRefused => "dead_letters_refused",
            BlockReason::PluginsFailed => "plugins_failed",
            BlockReason::RoutingChanged => "routing_changed",
            BlockReason::Unreadable => "unreadable",
        }
    }

    /// What its reader can do.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            BlockReason::ChannelRegressed => {
                "the table or its channel was replaced: if rows may be missing or doubled as they are now, set `on_regression = \"accept\"`"
            }
            BlockReason::TokenAheadOfLog => "the topic was created anew: load it into another table, or drop the channel",
            BlockReason::OffsetOutOfRange => {
                "records were deleted before they were read: reset the group offset to go on without them"
            }
            BlockReason::ChannelContended => {
                "another process loads the same topic into the same table: stop it, or give it another group"
            }
            BlockReason::PermissionDenied => "grant the role its privileges; it goes on by itself",
            BlockReason::ObjectMissing => "create the table, or grant the role its privileges on it; it goes on by itself",
            BlockReason::RecordRefused => {
                "name a `dead_letter_topic` to set such records aside, then start again; a plugin that is mended may be reloaded"
            }
            BlockReason::RowsRejected => {
                "look at the table's error log and mend the table, then start once with `on_regression = \"accept\"` to go on"
            }
            BlockReason::DeadLettersRefused => "see that the dead letter topic exists and may be written; it goes on by itself",
            BlockReason::PluginsFailed => "see the error before this one; mend the plugin, then reload (SIGHUP)",
            BlockReason::RoutingChanged => {
                "plugins, transforms, their options or tables changed while rows were on their way: start once as it was before, stop it \
                 in order and change it then; or, if records may be doubled or missing, start once with `on_routing_change = \"accept\"`, \
                 as a connector with `\"snowgate.on.routing.change\": \"accept\"`"
            }
            BlockReason::Unreadable => "see the error before this one; start again when it is mended",
        }
    }

    /// Whether bodies at hand must wait too. Where only reading is at fault, what was read is still loaded.
    pub(super) fn holds_appends(self) -> bool {
        !matches!(
            self,
            BlockReason::RecordRefused
                | BlockReason::PluginsFailed
                | BlockReason::Unreadable
                | BlockReason::OffsetOutOfRange
                | BlockReason::PermissionDenied
        )
    }

    /// Whether the committed offset may cover rows that are not in the table: then nothing is settled by it.
    pub(super) fn holds_settling(self) -> bool {
        matches!(self, BlockReason::RowsRejected | BlockReason::ChannelRegressed)
    }

    /// Whether this cause takes the place of `held`. One that needs a person is never hidden by one that does not, nor one that
    /// holds bodies back by one that lets them go.
    pub(super) fn outranks(self, held: BlockReason) -> bool {
        self != held && (held.may_pass() || (!self.may_pass() && self.holds_appends() && !held.holds_appends()))
    }

    /// Whether the cause lies with one table.
    pub(crate) fn is_of_table(self) -> bool {
        matches!(
            self,
            BlockReason::ChannelRegressed
                | BlockReason::TokenAheadOfLog
                | BlockReason::ChannelContended
                | BlockReason::PermissionDenied
                | BlockReason::ObjectMissing
                | BlockReason::RowsRejected
        )
    }

    /// Whether the cause may go away without this process being told.
    pub(crate) fn may_pass(self) -> bool {
        matches!(
            self,
            BlockReason::ChannelContended
                | BlockReason::PermissionDenied
                | BlockReason::ObjectMissing
                | BlockReason::DeadLettersRefused
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event<C> {
    /// The partition is ours.
    Assigned(Remembered),
    /// Kafka could not wait for the channel: the partition starts where the configuration says, without knowing the committed
    /// offset.
    StartedBlind,
    OpenAnswered {
        session: Session,
        outcome: OpenOutcome<C>,
    },
    /// Records were read, transformed and encoded.
    Encoded(Encoded),
    /// The next record does not fit into what is left of the open body.
    BodyFull,
    /// A record cannot be loaded and must not be passed over.
    RecordRefused,
    DeadLetterDelivered(Offset),
    DeadLetterFailed,
    AppendAnswered {
        session: Session,
        body: BodyId,
        outcome: AppendOutcome<C>,
    },
    /// A channel status.
    StatusSeen {
        session: Session,
        valid: bool,
        committed: Option<Offset>,
        row_errors: u64,
    },
    /// The next offset the broker would write, seen together with the first records.
    LogEnd(Offset),
    /// Kafka cannot serve this partition, or the plugins cannot take its records.
    ReadFailed(BlockReason),
    /// Reading goes on at this offset, as [`Action::Rewind`] asked, or as Kafka was asked for a reason of its own.
    Rewound(Offset),
    /// The group has this offset by now as the next one to read.
    GroupCommitted(Offset),
    /// Other plugins are there: go over to them as soon as what was read is settled.
    SwapAsked,
    Tick,
    /// The partition goes to somebody else, or the process ends: finish by `deadline`.
    Revoked {
        deadline: Millis,
    },
    /// The partition is no longer ours, and has not been for some time.
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action<C> {
    /// Open the channel; `fail_on_uncommitted_rows` unless `force`.
    Open {
        session: Session,
        force: bool,
    },
    /// Kafka may start to read at this offset, or where the configuration says.
    StartAt(Option<Offset>),
    /// Kafka may start to read at the oldest record that it holds.
    StartAtBeginning,
    /// Close the open body under this name.
    Seal {
        body: BodyId,
        range: OffsetRange,
    },
    /// Forget what is in the open body.
    DiscardOpen,
    Append {
        session: Session,
        body: BodyId,
        range: OffsetRange,
        attempt: u32,
        continuation: C,
    },
    /// The body's bytes are needed no more.
    Discard {
        body: BodyId,
    },
    /// Everything below `next` is settled.
    CommitGroupOffset {
        next: Offset,
        committed: Option<Offset>,
        /// Rejected rows that somebody knows of; `None` before the channel was ever asked.
        row_errors: Option<u64>,
    },
    /// Read again from `from`; nothing read before counts.
    Rewind {
        from: Offset,
    },
    /// Everything that was read is settled, and the group knows: what is read from now on meets the other plugins.
    Swap,
    Blocked(BlockReason),
    Unblocked,
    /// An appended body waits unusually long for its commit.
    CommitStalled {
        since: Millis,
    },
    /// Nothing is left to do for this partition; let it go.
    Drained,
}
