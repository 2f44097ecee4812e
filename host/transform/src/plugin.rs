//! One plugin: loaded and checked once, then one live instance for each worker.
//!
//! [`Plugin::load`] refuses whatever could surprise later: core modules, foreign imports, other worlds, a configuration the plugin
//! does not take. A [`Worker`] calls the instance. A call that traps, overstays or breaks the contract leaves an instance that
//! nobody can know anything about, so it is thrown away, and the next call starts a fresh one.
//!
//! Invariant: limits are set before a plugin's first instruction runs, and anew before each call.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use snowgate_record::{Column, RecordBatch};
use wasmtime::component::Component;
use wasmtime::{Store, Trap};

use crate::answer::Answer;
use crate::bindings;
use crate::bindings::exports::snowgate::transform::transform::{Batch, ColumnParam, Columns, Headers};
use crate::config::{Limits, PluginSettings};
use crate::engine::{Engine, ticks};
use crate::error::Error;
use crate::host::{HostState, LogGate, TEXT_BYTES, clean};

/// Compiling costs time and memory in proportion; a Python component, the largest kind, has 18 MB.
const COMPONENT_BYTES: u64 = 32 * 1024 * 1024;

/// What the host may copy out of an instance in one call, at the least: room for a log line or a description.
const LIFT_BYTES: usize = 1024 * 1024;

/// Bytes of an answer for each record besides its outputs: verdict, source, two ends, null bits, and a failure with its message.
const ANSWER_BYTES: usize = TEXT_BYTES + 64;

const PACKAGE: &str = "snowgate:transform/";
const LOG: &str = "snowgate:transform/log@0.1";
const TRANSFORM: &str = "snowgate:transform/transform@0.1.0";

/// A plugin ready to run: compiled, checked, and known to take its configuration.
pub struct Plugin {
    name: Arc<str>,
    version: String,
    digest: String,
    config_json: String,
    limits: Limits,
    needs: Columns,
    pre: bindings::PluginPre<HostState>,
    engine: Engine,
    log: Arc<LogGate>,
}

impl Plugin {
    /// Reads and compiles the component, starts one instance and gives it its configuration.
    pub fn load(engine: &Engine, settings: &PluginSettings) -> Result<Plugin, Error> {
        let name = &settings.name;
        let bytes = read(settings)?;
        let component = compile(engine, settings, &bytes)?;
        check_imports(engine, name, &component)?;
        check_exports(engine, name, &component)?;
        let mismatch = |source: wasmtime::Error| Error::Mismatch { plugin: name.clone(), source: source.into() };
        let pre = engine.linker().instantiate_pre(&component).and_then(bindings::PluginPre::new).map_err(mismatch)?;
        let plugin_name: Arc<str> = name.as_str().into();
        let mut plugin = Plugin {
            log: Arc::new(LogGate::new(Arc::clone(&plugin_name), settings.limits.log_lines)),
            name: plugin_name,
            version: String::new(),
            digest: Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
            config_json: settings.config_json.clone(),
            limits: settings.limits.clone(),
            needs: Columns::empty(),
            pre,
            engine: engine.clone(),
        };
        let mut instance = plugin.instantiate()?;
        let described = instance.bindings.snowgate_transform_transform().call_describe(&mut instance.store);
        let description = described.map_err(|error| plugin.start_failed(&error, &instance.store))?;
        plugin.version = clean(&description.version);
        plugin.needs = description.needs;
        plugin.configure(&mut instance)?;
        Ok(plugin)
    }

    /// What the operator calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says its version is.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// An instance that took its configuration.
    fn start(&self) -> Result<Instance, Error> {
        let mut instance = self.instantiate()?;
        self.configure(&mut instance)?;
        Ok(instance)
    }

    fn instantiate(&self) -> Result<Instance, Error> {
        let mut store = Store::new(self.engine.wasm(), HostState::new(&self.limits, Arc::clone(&self.log)));
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(ticks(self.limits.start_time));
        store.set_hostcall_fuel(LIFT_BYTES);
        match self.pre.instantiate(&mut store) {
            Ok(bindings) => Ok(Instance { store, bindings, recycle_at: usize::MAX }),
            Err(error) => Err(self.start_failed(&error, &store)),
        }
    }

    fn configure(&self, instance: &mut Instance) -> Result<(), Error> {
        let answer = instance.bindings.snowgate_transform_transform().call_configure(&mut instance.store, &self.config_json);
        match answer {
            Ok(Ok(())) => {
                // Memory of an instance never shrinks. Near its limit a leak ends better now than in a fault, unless the
                // plugin needed that much from the start.
                let used = instance.store.data().limits.memory_used();
                instance.recycle_at = (self.limits.memory_bytes / 4 * 3).max(used.saturating_mul(2));
                Ok(())
            }
            Ok(Err(message)) => Err(Error::BadConfig { plugin: self.name.to_string(), message: clean(&message) }),
            Err(error) => Err(self.start_failed(&error, &instance.store)),
        }
    }

    fn start_failed(&self, error: &wasmtime::Error, store: &Store<HostState>) -> Error {
        let message = Fault::of(error, store, self.limits.start_time).to_string();
        Error::Start { plugin: self.name.to_string(), message }
    }
}

fn read(settings: &PluginSettings) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { plugin: settings.name.clone(), path: settings.path.clone(), source };
    let file = std::fs::File::open(&settings.path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > COMPONENT_BYTES {
        return Err(Error::TooLarge { plugin: settings.name.clone(), bytes: length, limit: COMPONENT_BYTES });
    }
    let mut bytes = Vec::new();
    // The file may grow meanwhile, and a device has no length.
    file.take(COMPONENT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > COMPONENT_BYTES {
        return Err(Error::TooLarge { plugin: settings.name.clone(), bytes: bytes.len() as u64, limit: COMPONENT_BYTES });
    }
    Ok(bytes)
}

fn compile(engine: &Engine, settings: &PluginSettings, bytes: &[u8]) -> Result<Component, Error> {
    // Both kinds begin with a magic; two bytes of version and two of layer follow, and the layer tells them apart.
    match bytes {
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => return Err(Error::CoreModule { plugin: settings.name.clone() }),
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => {}
        _ => return Err(Error::NotWasm { plugin: settings.name.clone(), path: settings.path.clone() }),
    }
    engine.compile(bytes).map_err(|source| Error::Compile { plugin: settings.name.clone(), source: source.into() })
}

/// A component's imports are its permissions, and there is one to have.
fn check_imports(engine: &Engine, plugin: &str, component: &Component) -> Result<(), Error> {
    let ty = component.component_type();
    let foreign: Vec<String> = ty.imports(engine.wasm()).map(|(name, _)| name.to_owned()).filter(|name| !is_log(name)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let hint = if foreign.iter().any(|name| name.starts_with("wasi:")) {
        "; there is no WASI here: build for `wasm32-unknown-unknown`, or stub WASI"
    } else {
        ""
    };
    Err(Error::ForeignImports { plugin: plugin.to_owned(), imports: list(&foreign), hint })
}

fn is_log(import: &str) -> bool {
    import.strip_prefix(LOG).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn check_exports(engine: &Engine, plugin: &str, component: &Component) -> Result<(), Error> {
    let ty = component.component_type();
    let exports: Vec<String> = ty.exports(engine.wasm()).map(|(name, _)| name.to_owned()).collect();
    if exports.iter().any(|name| name == TRANSFORM) {
        return Ok(());
    }
    // Another version of ours says more than the rest of the list.
    let ours: Vec<String> = exports.iter().filter(|name| name.starts_with(PACKAGE)).cloned().collect();
    Err(Error::OtherWorld { plugin: plugin.to_owned(), exports: list(if ours.is_empty() { &exports } else { &ours }) })
}

/// Names for an error, the first few of them.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{}`", clean(name))).collect();
    let mut text = shown.join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

struct Instance {
    store: Store<HostState>,
    bindings: bindings::Plugin,
    /// Bytes of memory from which on a fresh instance takes over.
    recycle_at: usize,
}

/// Why a call gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The plugin said so itself; its instance is sound.
    #[error("{0}")]
    Declined(String),
    #[error("{0}")]
    Trapped(String),
    #[error("took longer than {0:?}")]
    TimedOut(Duration),
    #[error("needs more memory than its limit of {0} bytes")]
    OutOfMemory(usize),
    #[error("{0}")]
    Contract(String),
}

impl Fault {
    fn of(error: &wasmtime::Error, store: &Store<HostState>, time: Duration) -> Fault {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Fault::TimedOut(time),
            _ if store.data().limits.refused_memory() => Fault::OutOfMemory(store.data().limits.memory_bytes()),
            Some(trap) => Fault::Trapped(trap.to_string()),
            // Not a trap: an answer that could not be read, such as a list outside of its memory.
            None => Fault::Contract(clean(&error.root_cause().to_string())),
        }
    }

    /// What a dead letter's header says.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Fault::Declined(_) => "plugin_rejected",
            Fault::Trapped(_) => "plugin_trapped",
            Fault::TimedOut(_) => "plugin_timeout",
            Fault::OutOfMemory(_) => "plugin_out_of_memory",
            Fault::Contract(_) => "plugin_contract",
        }
    }

    /// Whether the instance is lost.
    pub(crate) fn costs_instance(&self) -> bool {
        !matches!(self, Fault::Declined(_))
    }
}

/// A plugin and its one live instance, for one thread.
pub(crate) struct Worker {
    plugin: Arc<Plugin>,
    instance: Option<Instance>,
}

impl Worker {
    pub(crate) fn new(plugin: Arc<Plugin>) -> Result<Worker, Error> {
        let instance = Some(plugin.start()?);
        Ok(Worker { plugin, instance })
    }

    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Hands `batch` to the plugin, which has `time` to answer. The outer error means that no instance could be started.
    pub(crate) fn call(&mut self, batch: &RecordBatch, time: Duration) -> Result<Result<Answer, Fault>, Error> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.plugin.start()?,
        };
        let output_bytes = self.plugin.limits.output_for(batch.bytes());
        let store = &mut instance.store;
        store.data_mut().limits.begin_call();
        store.set_epoch_deadline(ticks(time));
        // Lists and strings are copied out before they can be checked, and may all point at the same bytes.
        store.set_hostcall_fuel(output_bytes.saturating_add(batch.len().saturating_mul(ANSWER_BYTES)).max(LIFT_BYTES));
        let input = columns(batch, self.plugin.needs);
        let answer = match instance.bindings.snowgate_transform_transform().call_process(&mut *store, input) {
            Ok(Ok(output)) => Answer::check(output, batch.len(), output_bytes).map_err(Fault::Contract),
            Ok(Err(message)) => Err(Fault::Declined(clean(&message))),
            Err(error) => Err(Fault::of(&error, store, time)),
        };
        let sound = answer.as_ref().err().is_none_or(|fault| !fault.costs_instance());
        if sound && instance.store.data().limits.memory_used() < instance.recycle_at {
            self.instance = Some(instance);
        }
        Ok(answer)
    }
}

/// The columns of `batch` that the plugin asked for, by reference.
fn columns(batch: &RecordBatch, needs: Columns) -> Batch<'_> {
    const NONE: ColumnParam<'static> = ColumnParam { data: &[], ends: &[], nulls: &[] };
    let headers = needs.contains(Columns::HEADERS);
    Batch {
        topic: &batch.topic_partition().topic,
        partition: batch.topic_partition().partition,
        count: u32::try_from(batch.len()).expect("a batch is far below four billion records"),
        offsets: if needs.contains(Columns::OFFSETS) { batch.offsets() } else { &[] },
        timestamps: if needs.contains(Columns::TIMESTAMPS) { batch.timestamps() } else { &[] },
        values: if needs.contains(Columns::VALUES) { column(batch.values()) } else { NONE },
        keys: if needs.contains(Columns::KEYS) { column(batch.keys()) } else { NONE },
        headers: Headers {
            counts: if headers { batch.headers().counts() } else { &[] },
            names: if headers { column(batch.headers().names()) } else { NONE },
            values: if headers { column(batch.headers().values()) } else { NONE },
        },
    }
}

fn column(column: &Column) -> ColumnParam<'_> {
    ColumnParam { data: column.data(), ends: column.ends(), nulls: column.nulls() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_log_of_this_minor_version_may_be_imported() {
        assert!(is_log("snowgate:transform/log@0.1.0") && is_log("snowgate:transform/log@0.1.7"));
        for other in
            ["snowgate:transform/log@0.2.0", "snowgate:transform/log@0.10.0", "snowgate:transform/logs@0.1.0", "wasi:io/poll@0.2.0"]
        {
            assert!(!is_log(other), "{other}");
        }
    }
}
