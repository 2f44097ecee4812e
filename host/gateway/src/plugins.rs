//! Plugins from their files to a pipeline's [`Plan`].
//!
//! The engine that runs them is made with the first one, so that without plugins no WebAssembly is on the road at all.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use snowgate_record::ErrorClass;
use snowgate_transform::{Engine, EngineSettings, Error as LoadError, Plugin};
use tracing::info;

use crate::settings::{OnError, PipelineSettings, TransformSettings};
use crate::stages::{Loaded, Plan};

/// Why a pipeline cannot have its plugins.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("plugin `{plugin}` asks for dead letters, and this pipeline was started without a dead letter topic")]
    NoDeadLetters { plugin: String },
    #[error("plugin `{plugin}` says it is version `{found}`, and `{asked}` is asked for")]
    Version { plugin: String, found: String, asked: String },
}

impl PluginError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            PluginError::Load(error) => error.hint(),
            PluginError::NoDeadLetters { .. } => Some("start again to have the dead letter topic".to_owned()),
            PluginError::Version { .. } => Some("take another build of it, or ask for this version in `use`".to_owned()),
        }
    }

    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            PluginError::Load(error) => error.class(),
            PluginError::NoDeadLetters { .. } | PluginError::Version { .. } => ErrorClass::Config,
        }
    }
}

/// Loads the plugins of a process.
pub(crate) struct Plugins {
    settings: EngineSettings,
    engine: Mutex<Option<Engine>>,
}

impl Plugins {
    /// Compiled plugins are kept in `cache`.
    pub(crate) fn new(cache: Option<PathBuf>) -> Plugins {
        Plugins { settings: EngineSettings { cache, ..EngineSettings::default() }, engine: Mutex::default() }
    }

    /// Loads a plugin, and holds it against the version that is asked for.
    pub(crate) fn load(&self, transform: &TransformSettings) -> Result<Arc<Plugin>, PluginError> {
        let plugin = Plugin::load(&self.engine()?, &transform.plugin)?;
        if let Some(asked) = &transform.version
            && !semver::Version::parse(plugin.version()).is_ok_and(|found| asked.matches(&found))
        {
            let (found, asked) = (plugin.version().to_owned(), asked.to_string());
            return Err(PluginError::Version { plugin: transform.plugin.name.clone(), found, asked });
        }
        Ok(Arc::new(plugin))
    }

    /// All plugins of a pipeline; the same file in two places is two plugins, for it may be configured differently.
    pub(crate) fn plan(&self, pipeline: &PipelineSettings) -> Result<Plan, PluginError> {
        let load = |transforms: &[TransformSettings]| {
            transforms.iter().map(|transform| self.load_for(pipeline, transform)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Plan { before: load(&pipeline.plugins)?, road: pipeline.road.clone(), after: load(&pipeline.plugins_after)? })
    }

    /// The plan of a pipeline that runs and is now to be as `wanted`; `None` where it is so already. A plugin that neither its file nor
    /// its settings changed is taken over with all that it counted; a new one has been tried on a record.
    pub(crate) fn renew(
        &self,
        running: &Plan,
        wanted: &PipelineSettings,
        has_dead_letters: bool,
    ) -> Result<Option<Plan>, PluginError> {
        let renew = |transform: &TransformSettings| -> Result<Loaded, PluginError> {
            let asks = [transform.on_reject, transform.on_trap].contains(&Some(OnError::DeadLetter));
            if asks && !has_dead_letters {
                return Err(PluginError::NoDeadLetters { plugin: transform.plugin.name.clone() });
            }
            let digest = snowgate_transform::digest(&transform.plugin.path)?;
            let same = running.plugins().find(|loaded| loaded.settings.is_like(transform) && *loaded.plugin.digest() == *digest);
            if let Some(same) = same {
                return Ok(Loaded { settings: transform.clone(), plugin: same.plugin.clone() });
            }
            let loaded = self.load_for(wanted, transform)?;
            loaded.plugin.self_test()?;
            Ok(loaded)
        };
        let before = wanted.plugins.iter().map(renew).collect::<Result<Vec<_>, _>>()?;
        let after = wanted.plugins_after.iter().map(renew).collect::<Result<Vec<_>, _>>()?;
        let unchanged = is_same(&before, &running.before) && is_same(&after, &running.after);
        Ok((!unchanged).then(|| Plan { before, road: running.road.clone(), after }))
    }

    fn load_for(&self, pipeline: &PipelineSettings, transform: &TransformSettings) -> Result<Loaded, PluginError> {
        let plugin = self.load(transform)?;
        info!(pipeline = %pipeline.name, plugin = plugin.name(), version = plugin.version(), sha256 = plugin.digest(), "plugin loaded");
        Ok(Loaded { settings: transform.clone(), plugin })
    }

    fn engine(&self) -> Result<Engine, LoadError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        match &*engine {
            Some(engine) => Ok(engine.clone()),
            None => Ok(engine.insert(Engine::new(&self.settings)?).clone()),
        }
    }
}

/// Whether both are the same plugins, and what becomes of the records that they do not take is the same too.
fn is_same(one: &[Loaded], other: &[Loaded]) -> bool {
    let alike = |(one, other): (&Loaded, &Loaded)| one.settings == other.settings && Arc::ptr_eq(&one.plugin, &other.plugin);
    one.len() == other.len() && one.iter().zip(other).all(alike)
}
