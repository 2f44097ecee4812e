//! Connectors come, change, rest and go.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::checks::{named, unmasked};
use super::status::State;
use super::{Connector, Herder, HerderError, Info, Status, Target, died};
use crate::config_def::ConfigMap;
use crate::engine::Engine;
use crate::store::Record;

/// A configuration that was checked, in the connector's turn.
struct Ready {
    _turn: OwnedMutexGuard<()>,
    old: Option<Arc<Connector>>,
    config: ConfigMap,
}

impl<E: Engine> Herder<E> {
    /// Makes a connector and lets it reach its target state. One that does not start is there nevertheless, and FAILED.
    pub async fn create(&self, name: &str, config: ConfigMap, target: Target) -> Result<Info, HerderError> {
        let config = named(name, config)?;
        let ready = self.ready(name, |old| unmasked(config.clone(), old)).await?;
        if ready.old.is_some() {
            return Err(HerderError::Conflict(format!("Connector {name} already exists")));
        }
        self.put_new(name, ready.config, target).await
    }

    /// Gives a connector another configuration; makes it where there is none, which the answer tells first. A running pipeline is
    /// replaced only if the configuration is another one.
    pub async fn put(&self, name: &str, config: ConfigMap) -> Result<(bool, Info), HerderError> {
        let config = named(name, config)?;
        let ready = self.ready(name, |old| unmasked(config.clone(), old)).await?;
        match ready.old {
            Some(old) => Ok((false, self.replace(&old, ready.config).await?)),
            None => Ok((true, self.put_new(name, ready.config, Target::Running).await?)),
        }
    }

    /// Changes single keys of a configuration; a null takes a key away.
    pub async fn patch(&self, name: &str, patch: ConfigMap) -> Result<Info, HerderError> {
        let patched = |old: Option<&ConfigMap>| {
            let old = old.ok_or_else(|| HerderError::not_found(name))?;
            let mut config = old.clone();
            for (key, value) in &patch {
                match value {
                    Some(_) => config.insert(key.clone(), value.clone()),
                    None => config.shift_remove(key),
                };
            }
            unmasked(named(name, config)?, Some(old))
        };
        let ready = self.ready(name, patched).await?;
        match ready.old {
            Some(old) => self.replace(&old, ready.config).await,
            None => Err(HerderError::not_found(name)),
        }
    }

    /// Stops a connector and forgets it; its offsets stay where they are.
    pub async fn delete(&self, name: &str) -> Result<(), HerderError> {
        self.known(name)?;
        let _turn = self.turn(name).await;
        self.known(name)?;
        let (store, gone) = (self.store.clone(), name.to_owned());
        tokio::task::spawn_blocking(move || store.remove(&gone)).await.map_err(died)??;
        self.engine.stop(name).await;
        self.forget(name);
        Ok(())
    }

    /// Brings a connector to a target state. A paused one keeps its tasks for all to see, a stopped one has none; neither has a pipeline.
    pub async fn aim(&self, name: &str, target: Target) -> Result<(), HerderError> {
        let unknown = || HerderError::Unknown(format!("Unknown connector {name}"));
        self.get(name).ok_or_else(unknown)?;
        let _turn = self.turn(name).await;
        let old = self.get(name).ok_or_else(unknown)?;
        if old.record.target == target {
            return Ok(());
        }
        let mut aimed = (*old).clone();
        aimed.record.target = target;
        aimed.record.topics = self.topics_of(&old);
        if target == Target::Stopped {
            aimed.record.tasks = None;
        }
        if target != Target::Running {
            aimed.failure = None;
        }
        let was_running = old.record.target == Target::Running;
        self.keep(aimed).await?;
        if target == Target::Running {
            self.launch(name).await;
        } else if was_running {
            self.engine.stop(name).await;
        }
        Ok(())
    }

    /// Starts the pipeline of a connector that should run anew, if what is chosen needs it; the answer tells what is restarted. A pipeline
    /// is one, so that whatever is restarted restarts all of it.
    pub async fn restart(&self, name: &str, include_tasks: bool, only_failed: bool) -> Result<Status, HerderError> {
        let unknown = || HerderError::Unknown(format!("Unknown connector: {name}"));
        self.get(name).ok_or_else(unknown)?;
        let _turn = self.turn(name).await;
        let connector = self.get(name).ok_or_else(unknown)?;
        let mut plan = self.status_of(&connector);
        if connector.record.target != Target::Running {
            return Ok(plan);
        }
        let mut is_needed = false;
        if !only_failed || plan.state == State::Failed {
            plan.state = State::Restarting;
            is_needed = true;
        }
        for task in plan.tasks.iter_mut().filter(|task| include_tasks && (!only_failed || task.state == State::Failed)) {
            task.state = State::Restarting;
            is_needed = true;
        }
        if is_needed && !self.relaunch(&connector).await && !include_tasks && !only_failed {
            return Err(HerderError::Failed(format!("Failed to start connector: {name}")));
        }
        Ok(plan)
    }

    /// Restarts the pipeline that a task belongs to.
    pub async fn restart_task(&self, name: &str, task: i32) -> Result<(), HerderError> {
        let unknown = || HerderError::Unknown(format!("Unknown connector: {name}"));
        self.get(name).ok_or_else(unknown)?;
        let _turn = self.turn(name).await;
        let connector = self.get(name).ok_or_else(unknown)?;
        if connector.record.target == Target::Stopped {
            return Err(HerderError::Conflict(format!("Task {name}-{task} cannot be restarted: connector {name} is stopped")));
        }
        if !usize::try_from(task).is_ok_and(|task| task < connector.tasks()) {
            return Err(HerderError::Unknown(format!("Unknown task: {name}-{task}")));
        }
        if connector.record.target == Target::Running && !self.relaunch(&connector).await {
            return Err(HerderError::Failed(format!("Failed to start task: {name}-{task}")));
        }
        Ok(())
    }

    /// Makes a configuration of the stored one, checks it and takes the connector's turn. A check may take long, for Snowflake is asked, and
    /// the connector can be paused, stopped or deleted meanwhile; what is taken in the end was checked as it is.
    async fn ready(
        &self,
        name: &str,
        make: impl Fn(Option<&ConfigMap>) -> Result<ConfigMap, HerderError>,
    ) -> Result<Ready, HerderError> {
        let made = |old: &Option<Arc<Connector>>| make(old.as_ref().map(|old| &old.record.config));
        loop {
            let config = made(&self.get(name))?;
            self.check(&config).await?;
            let turn = self.turn(name).await;
            let old = self.get(name);
            if made(&old)? == config {
                return Ok(Ready { _turn: turn, old, config });
            }
        }
    }

    async fn put_new(&self, name: &str, config: ConfigMap, target: Target) -> Result<Info, HerderError> {
        let record = Record { name: name.to_owned(), target, config, tasks: None, topics: Default::default() };
        let connector = Connector::stored(record);
        let info = self.info_of(&connector);
        self.keep(connector).await?;
        if target == Target::Running {
            self.launch(name).await;
        }
        Ok(info)
    }

    /// The answer has the new configuration and the tasks of the old one, as Connect's has.
    async fn replace(&self, old: &Connector, config: ConfigMap) -> Result<Info, HerderError> {
        let mut new = old.clone();
        new.record.config = config;
        let info = self.info_of(&new);
        // What a reference stands for may have changed, so that the same text need not be the same configuration.
        let has_references = new.record.config.values().flatten().any(|text| text.contains("${"));
        let is_same = old.record.config == new.record.config && !has_references;
        let is_in_order = old.record.config.keys().eq(new.record.config.keys());
        if !is_same || !is_in_order {
            self.keep(new.clone()).await?;
        }
        if new.record.target == Target::Running && !(is_same && self.status_of(old).is_running()) {
            self.relaunch(&new).await;
        }
        Ok(info)
    }

    async fn relaunch(&self, connector: &Connector) -> bool {
        let seen = self.halt(connector).await;
        self.set(seen);
        self.launch(&connector.record.name).await
    }
}
