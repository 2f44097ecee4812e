//! How connectors are.

use std::collections::BTreeSet;

use super::{Connector, Herder, HerderError, Target, tasks_max};
use crate::config_def::ConfigMap;
use crate::engine::Engine;
use crate::secrets;
use crate::snapshot::{PipelineView, Snapshot};

/// A connector as `GET /connectors/{name}` shows it; secrets are masked unless the worker shows them.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    pub name: String,
    pub config: ConfigMap,
    pub tasks: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It should run, but nothing runs yet.
    Unassigned,
    Running,
    Paused,
    Stopped,
    Failed,
    Restarting,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub state: State,
    pub trace: Option<String>,
    /// Of the connector's class.
    pub version: Option<&'static str>,
    pub tasks: Vec<TaskStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    pub state: State,
    /// What is wrong; a task that runs but stalls has one too.
    pub trace: Option<String>,
}

/// A connector for the status page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorView {
    pub name: String,
    pub target: Target,
    pub state: State,
    /// Why it is FAILED.
    pub trace: Option<String>,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Unassigned => "UNASSIGNED",
            State::Running => "RUNNING",
            State::Paused => "PAUSED",
            State::Stopped => "STOPPED",
            State::Failed => "FAILED",
            State::Restarting => "RESTARTING",
        }
    }
}

impl Status {
    /// Whether neither the connector nor any task needs to be started again.
    pub(super) fn is_running(&self) -> bool {
        self.state == State::Running && self.tasks.iter().all(|task| task.state == State::Running)
    }
}

impl<E: Engine> Herder<E> {
    /// Every connector with what it should do and what it does.
    pub fn connectors(&self) -> Vec<ConnectorView> {
        let known = self.names().into_iter().filter_map(|name| self.get(&name));
        let view = |connector: std::sync::Arc<Connector>| {
            let Status { state, trace, .. } = self.status_of(&connector);
            ConnectorView { name: connector.record.name.clone(), target: connector.record.target, state, trace }
        };
        known.map(view).collect()
    }

    /// Adds the connectors that do not run to what the engine sees, and what connectors look like to their operators to those that do.
    pub fn add_idle(&self, snapshot: &mut Snapshot) {
        for ConnectorView { name, state, trace, .. } in self.connectors() {
            let config = || {
                let info = self.info(&name).ok()?;
                serde_json::to_value(info.config).ok()
            };
            match snapshot.pipelines.iter_mut().find(|pipeline| pipeline.kind == "connector" && pipeline.name == name) {
                Some(pipeline) => {
                    if let (Some(config), Some(shown)) = (config(), pipeline.config.as_object_mut()) {
                        shown.insert("connector".to_owned(), config);
                    }
                }
                None => snapshot.pipelines.push(PipelineView {
                    kind: "connector",
                    // One that should run and does not is on its way, or has failed.
                    state: if state == State::Unassigned { "STALLED" } else { state.as_str() },
                    error: trace,
                    config: config().unwrap_or_default(),
                    name,
                    ..PipelineView::default()
                }),
            }
        }
        snapshot.pipelines.sort_by(|one, other| one.name.cmp(&other.name));
    }

    pub fn info(&self, name: &str) -> Result<Info, HerderError> {
        Ok(self.info_of(&*self.known(name)?))
    }

    /// `None` for a connector that is not known.
    pub fn status(&self, name: &str) -> Option<Status> {
        Some(self.status_of(&*self.get(name)?))
    }

    /// The configuration of each task; all tasks of a connector have the same.
    pub fn task_configs(&self, name: &str) -> Result<Vec<ConfigMap>, HerderError> {
        let connector = self.known(name)?;
        let Some(config) = &connector.record.tasks else { return Ok(Vec::new()) };
        let mut shown = self.shown(config);
        if let Some(plugin) = Self::plugin_of(config) {
            // SnowflakeSinkConnector's tasks are SnowflakeSinkTasks.
            let class = plugin.class.strip_suffix("Connector").unwrap_or(plugin.class);
            shown.insert("task.class".to_owned(), Some(format!("{class}Task")));
        }
        Ok(vec![shown; tasks_max(config)])
    }

    /// The topics that records came from since they were reset; none of a connector that is not known.
    pub fn topics(&self, name: &str) -> BTreeSet<String> {
        self.get(name).map(|connector| self.topics_of(&connector)).unwrap_or_default()
    }

    /// Forgets the topics that records came from; one shows again with its next record.
    pub async fn reset_topics(&self, name: &str) -> Result<(), HerderError> {
        if self.get(name).is_none() {
            return Ok(());
        }
        let _turn = self.turn(name).await;
        let Some(connector) = self.get(name) else { return Ok(()) };
        let mut reset = (*connector).clone();
        reset.record.topics.clear();
        self.keep(reset).await?;
        self.engine.forget_topics(name);
        Ok(())
    }

    pub(super) fn info_of(&self, connector: &Connector) -> Info {
        Info { name: connector.record.name.clone(), config: self.shown(&connector.record.config), tasks: connector.tasks() }
    }

    fn shown(&self, config: &ConfigMap) -> ConfigMap {
        if self.worker.show_secrets { config.clone() } else { secrets::masked(config) }
    }

    pub(super) fn status_of(&self, connector: &Connector) -> Status {
        let version = Self::plugin_of(&connector.record.config).and_then(|plugin| plugin.version);
        let all = |state, trace: Option<String>| vec![TaskStatus { state, trace }; connector.tasks()];
        let (state, trace, tasks) = match (connector.record.target, &connector.failure) {
            (Target::Stopped, _) => (State::Stopped, None, Vec::new()),
            (Target::Paused, _) => (State::Paused, None, all(State::Paused, None)),
            (Target::Running, Some(trace)) => (State::Failed, Some(trace.clone()), all(State::Failed, Some(trace.clone()))),
            (Target::Running, None) => match self.engine.view(&connector.record.name) {
                None => (State::Unassigned, None, all(State::Unassigned, None)),
                Some(running) if running.failed.is_some() => {
                    (State::Failed, running.failed.clone(), all(State::Failed, running.failed))
                }
                Some(running) => {
                    let mut tasks = all(State::Running, None);
                    for (shown, task) in tasks.iter_mut().zip(running.tasks) {
                        let state = if task.failed { State::Failed } else { State::Running };
                        *shown = TaskStatus { state, trace: task.trace };
                    }
                    (State::Running, None, tasks)
                }
            },
        };
        Status { state, trace, version, tasks }
    }
}
