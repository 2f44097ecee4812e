//! Whether the transforms and predicates of a configuration can be carried out.

use super::ConfigInfos;
use crate::config_def::ConfigMap;
use crate::connector::steps;
use crate::worker::WorkerSettings;

pub(super) fn check(config: &ConfigMap, worker: &WorkerSettings, infos: &mut ConfigInfos) {
    // What is already said of a step is not said twice.
    for (key, message) in steps::read(config, worker).err().unwrap_or_default() {
        let alias = key.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        if !infos.has_errors_at_or_below(&alias) {
            infos.add(&key, &message);
        }
    }
}
