//! Whether every pipeline that should run does.

use serde::Serialize;

use crate::snapshot::{PipelineView, Snapshot};

const READY: &str = "ready";

/// The answer of `/readyz`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Readiness {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<Reason>,
}

/// A pipeline that should run and does not.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Reason {
    pipeline: String,
    state: &'static str,
    reason: String,
}

impl Readiness {
    pub(super) fn of(snapshot: &Snapshot) -> Readiness {
        let reasons: Vec<Reason> = snapshot.pipelines.iter().filter(|pipeline| !is_as_wanted(pipeline)).map(Reason::of).collect();
        Readiness { status: if reasons.is_empty() { READY } else { "not ready" }, reasons }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status == READY
    }

    /// For whoever may not know what runs here.
    pub(super) fn hide_reasons(&mut self) {
        self.reasons.clear();
    }
}

impl Reason {
    fn of(pipeline: &PipelineView) -> Reason {
        let blocked = || pipeline.partitions.iter().find_map(|partition| Some((partition, partition.blocked.as_ref()?)));
        let reason = match (&pipeline.error, blocked()) {
            (Some(error), _) => error.clone(),
            (None, Some((partition, blocked))) => {
                format!("partition {} of `{}`: {}: {}", partition.partition, partition.topic, blocked.reason, blocked.message)
            }
            (None, None) => "no reason is known; see the log".to_owned(),
        };
        Reason { pipeline: pipeline.name.clone(), state: pipeline.state, reason }
    }
}

/// It runs, or a person said that it should not.
fn is_as_wanted(pipeline: &PipelineView) -> bool {
    matches!(pipeline.state, "RUNNING" | "PAUSED" | "STOPPED")
}
