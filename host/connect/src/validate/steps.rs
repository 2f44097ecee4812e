//! Whether the transforms and predicates of a configuration can be carried out.

use super::ConfigInfos;
use crate::config_def::ConfigMap;
use crate::connector::{ROUTING_CHANGE, Texts, steps, topic_map};
use crate::plugins::Plugin;
use crate::road;
use crate::worker::WorkerSettings;

pub(super) fn check(connector: &Plugin, config: &ConfigMap, worker: &WorkerSettings, infos: &mut ConfigInfos) {
    match steps::read(config, worker) {
        Ok(steps) => {
            // What is wrong with the map itself is said of the map.
            let map = topic_map(connector, config).ok();
            if let Some((name, message)) = map.and_then(|map| road::refusal(&steps.native, &map)) {
                infos.add(&format!("transforms.{name}.type"), &message);
            }
        }
        Err(errors) => {
            // What is already said of a step is not said twice.
            for (key, message) in errors {
                let alias = key.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
                if !infos.has_errors_at_or_below(&alias) {
                    infos.add(&key, &message);
                }
            }
        }
    }
    if let Some(other) = Texts(config).resolved(ROUTING_CHANGE).filter(|choice| !["block", "accept"].contains(choice)) {
        infos.add(ROUTING_CHANGE, &format!("{ROUTING_CHANGE} is {other}, and can be block or accept"));
    }
}
