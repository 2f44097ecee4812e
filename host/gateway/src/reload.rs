//! Plugins change while the gateway runs: on SIGHUP, and where `[plugins] watch` or a worker's `snowgate.plugins.watch.ms` is set, when a
//! plugin's file changed.
//!
//! The configuration file is read again, whole and strictly. Each pipeline whose transforms changed gets them loaded, tried on a
//! record and started for every worker before any partition hears of them; where something is wrong with them, the pipeline goes on
//! as before and the log says why. Its partitions then go over one by one, each when what it has read is settled (`partition/swap.rs`).
//! What else changed in the file is named in the log and left alone until the next start.
//!
//! One reload at a time; what is asked for meanwhile follows. A connector that starts meanwhile loads its plugins when the reload is over.

mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use self::watch::Watch;
use crate::gateway::{Error, Gateway, return_free_memory};
use crate::group::Group;
use crate::problems::{ConfigProblems, list};
use crate::report;
use crate::settings::{PipelineKind, Settings, Written};

/// Hears SIGHUP from its making on.
pub(crate) struct Hangups(Signal);

impl Hangups {
    pub(crate) fn new() -> std::io::Result<Hangups> {
        signal(SignalKind::hangup()).map(Hangups)
    }
}

/// What a reload needs to know.
struct Reloader {
    gateway: Arc<Gateway>,
    /// What the configuration file said at the start, where there is one.
    written: Option<Written>,
}

/// Why a reload changed nothing, or not all.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigProblems),
    #[error(transparent)]
    Pipeline(#[from] Error),
    /// A plugin's file may do to the compiler what nobody thought of. That must not be the end of all reloads.
    #[error("loading the plugins of pipeline `{pipeline}` panicked")]
    Panicked { pipeline: Arc<str> },
}

impl Failure {
    /// What goes on as before.
    fn concerns(&self) -> &str {
        match self {
            Failure::Config(_) => "everything",
            Failure::Pipeline(_) | Failure::Panicked { .. } => "its pipeline",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Failure::Pipeline(error) => error.hint(),
            Failure::Panicked { .. } => Some("take another build of the plugin, and report this one".to_owned()),
            Failure::Config(_) => None,
        }
    }
}

/// Reloads whenever it is asked to, until the task is aborted.
pub(crate) async fn run(gateway: Arc<Gateway>, settings: Settings, mut hangups: Hangups) {
    let reloader = Arc::new(Reloader { gateway: gateway.clone(), written: settings.written });
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            Some(()) = hangups.0.recv() => info!("asked to reload"),
            () = pause(settings.plugins.watch) => {
                let files = gateway.plugin_files();
                let looked = tokio::task::spawn_blocking(move || (watch.look(&files), watch));
                let changed;
                (changed, watch) = looked.await.expect("looking at files does not panic");
                let Some(path) = changed else { continue };
                info!(path = %path.display(), "plugin's file changed");
            }
        }
        let reloader = reloader.clone();
        tokio::task::spawn_blocking(move || reloader.reload()).await.expect("a reload does not panic");
    }
}

/// For ever, where nothing is to be watched.
async fn pause(watch: Option<Duration>) {
    match watch {
        Some(interval) => tokio::time::sleep(interval).await,
        None => std::future::pending().await,
    }
}

impl Reloader {
    fn reload(&self) {
        let reloaded = self.gateway.between_starts(|| self.try_reload());
        let failures = reloaded.unwrap_or_else(|problems| vec![problems.into()]);
        self.gateway.reloads().count(failures.is_empty());
        for failure in failures {
            let (concerns, why) = (failure.concerns(), report::trace(&failure, failure.hint().as_deref()));
            error!("reload failed, {concerns} goes on as before: {why}");
        }
        return_free_memory();
    }

    /// One pipeline after another; what failed with one of them harms no other.
    fn try_reload(&self) -> Result<Vec<Failure>, ConfigProblems> {
        let settings = self.written.as_ref().map(|written| Settings::load(&written.file)).transpose()?;
        if let (Some(before), Some(now)) = (&self.written, settings.as_ref().and_then(|settings| settings.written.as_ref())) {
            let waiting = before.differs_from(now);
            if !waiting.is_empty() {
                warn!("these changes need a restart: {}", list(waiting.iter().map(String::as_str)));
            }
        }
        let reload = |group: &Arc<Group>| caught(&group.settings().name, || self.reload_pipeline(group, settings.as_ref())).err();
        Ok(self.gateway.groups().iter().filter_map(reload).collect())
    }

    /// Gives a pipeline its transforms as they are now, if they are others than those it has.
    fn reload_pipeline(&self, group: &Group, settings: Option<&Settings>) -> Result<(), Error> {
        let name = &group.settings().name;
        let wanted = match group.settings().kind {
            PipelineKind::File => settings.and_then(|settings| settings.pipelines.iter().find(|pipeline| pipeline.name == *name)),
            // Its configuration comes by REST; only its plugins' files may have changed.
            PipelineKind::Connector => Some(group.settings()),
        };
        // One that the file no longer has runs on until the restart.
        let Some(wanted) = wanted else { return Ok(()) };
        let failed = |source| Error::Plugins { pipeline: name.clone(), source };
        // Its tables are those that it was started with.
        let wanted = &wanted.with_tables_of(group.settings());
        let has_dead_letters = group.settings().dead_letter_topic.is_some();
        let plan = self.gateway.plugins().renew(&group.plan(), wanted, has_dead_letters).map_err(failed)?;
        let Some(plan) = plan else {
            info!(pipeline = %name, "plugins are as they were");
            return Ok(());
        };
        let plugins: Vec<_> = plan.plugins().map(|loaded| loaded.plugin.name().to_owned()).collect();
        group.swap(plan).map_err(|source| failed(source.into()))?;
        info!(pipeline = %name, plugins = plugins.join(","), "plugins reloaded, each partition goes over when what it read is settled");
        Ok(())
    }
}

/// A panic of `reload` as a failure of the pipeline.
fn caught(pipeline: &Arc<str>, reload: impl FnOnce() -> Result<(), Error>) -> Result<(), Failure> {
    // What it leaves behind is a plan that nobody has.
    let reloaded = catch_unwind(AssertUnwindSafe(reload)).map_err(|_| Failure::Panicked { pipeline: pipeline.clone() })?;
    Ok(reloaded?)
}

impl Written {
    /// The keys of the file that only a restart takes up, where they differ.
    fn differs_from(&self, now: &Written) -> Vec<String> {
        let mut different = Vec::new();
        compare(&self.table, &now.table, "", &mut different);
        different
    }
}

fn compare(before: &toml::Table, now: &toml::Table, path: &str, different: &mut Vec<String>) {
    let names: std::collections::BTreeSet<_> = before.keys().chain(now.keys()).collect();
    for name in names {
        let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        // What a reload takes up itself.
        let is_transform = at.split('.').count() == 3 && at.starts_with("pipeline.") && name == "transform";
        if is_transform || at == "plugins.folder" {
            continue;
        }
        match (before.get(name), now.get(name)) {
            (Some(toml::Value::Table(before)), Some(toml::Value::Table(now))) => compare(before, now, &at, different),
            (before, now) if before == now => {}
            _ => different.push(at),
        }
    }
}

/// The file of each plugin at work, with the digests of what was loaded from it.
pub(crate) type PluginFiles = std::collections::BTreeMap<PathBuf, Vec<Arc<str>>>;

/// What a file holds, as [`snowgate_transform::Plugin::digest`] has it.
fn digest(path: &Path) -> Option<String> {
    snowgate_transform::digest(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Written {
        Written { file: PathBuf::new(), table: text.parse().unwrap() }
    }

    #[test]
    fn a_panic_is_a_failure_like_any_other() {
        let panicked = caught(&"p".into(), || panic!("as a compiler may")).unwrap_err();
        assert_eq!(panicked.to_string(), "loading the plugins of pipeline `p` panicked");
        assert!(caught(&"p".into(), || Ok(())).is_ok());
    }

    #[test]
    fn what_needs_a_restart_is_named_by_its_path() {
        let before = written(
            "[kafka]\nbrokers = [\"a:1\"]\n[plugins]\nfolder = \"x\"\n[pipeline.p]\ntopics = [\"t\"]\nlinger = \"1s\"\n\
             [[pipeline.p.transform]]\nuse = \"a\"\n[pipeline.gone]\ntopics = [\"g\"]\n",
        );
        assert_eq!(before.differs_from(&before), Vec::<String>::new());
        let now = written(
            "[kafka]\nbrokers = [\"b:1\"]\n[plugins]\nfolder = \"y\"\nwatch = \"1s\"\n[pipeline.p]\ntopics = [\"t\"]\nlinger = \"2s\"\n\
             [[pipeline.p.transform]]\nuse = \"b\"\n[pipeline.new]\ntopics = [\"n\"]\n",
        );
        assert_eq!(
            before.differs_from(&now),
            ["kafka.brokers", "pipeline.gone", "pipeline.new", "pipeline.p.linger", "plugins.watch"]
        );
    }
}
