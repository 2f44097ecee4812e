//! One plugin: loaded and checked once, then started for each worker.
//!
//! [`Plugin::load`] refuses whatever could surprise later: another file than the one that was pinned, foreign imports, other worlds,
//! a configuration that the plugin does not take.

use std::sync::Arc;

use serde_json::Value;
use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use wasmtime::Store;

use crate::bindings::exports::snowgate::transform::transform::{Columns, Description};
use crate::breaker::Breaker;
use crate::component::{self, Binary};
use crate::config::{Limits, PluginSettings};
use crate::engine::{Engine, ticks};
use crate::error::Error;
use crate::fault::Fault;
use crate::host::{HostState, LogGate, clean};
use crate::metrics::Counters;
use crate::schema;
use crate::tables::Tables;
use crate::version::{Checked, Version};
use crate::worker::{Instance, LIFT_BYTES, Worker};

/// A plugin ready to run: compiled, checked, and known to take its configuration.
pub struct Plugin {
    identity: Arc<Identity>,
    config_json: String,
    schema: Option<Value>,
    limits: Limits,
    needs: Columns,
    routes: bool,
    tables: Arc<Tables>,
    checked: Checked,
    engine: Engine,
    log: Arc<LogGate>,
    counters: Arc<Counters>,
    breaker: Breaker,
}

/// Which plugin, and which build of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the operator calls it.
    pub name: Arc<str>,
    /// What it says its version is.
    pub version: Arc<str>,
    /// SHA-256 of the component, in hex.
    pub digest: Arc<str>,
}

impl Plugin {
    /// Reads and compiles the component, starts one instance and gives it its configuration.
    pub fn load(engine: &Engine, settings: &PluginSettings) -> Result<Plugin, Error> {
        let binary = Binary::read(&settings.name, &settings.path)?;
        if let Some(pin) = &settings.sha256 {
            binary.check_pin(&settings.name, pin)?;
        }
        let engine = &engine.of(&binary);
        let (component, version) = binary.compile(engine, &settings.name)?;
        let used = component::capabilities(&component::imports(engine, &component));
        component::check_allowed(&settings.name, &used, &settings.allow)?;
        let (mut plugin, description, mut instance) = Plugin::describe(engine, settings, &binary, &component, version)?;
        if plugin.routes && plugin.tables.is_empty() {
            return Err(Error::NoTables { plugin: settings.name.clone() });
        }
        plugin.schema = read_schema(&settings.name, &description)?;
        plugin.check_options()?;
        plugin.configure(&mut instance)?;
        Ok(plugin)
    }

    /// Starts an instance without a configuration, and asks it what it is.
    pub(crate) fn describe(
        engine: &Engine,
        settings: &PluginSettings,
        binary: &Binary,
        component: &wasmtime::component::Component,
        version: Version,
    ) -> Result<(Plugin, Description, Instance), Error> {
        let checked = Checked::new(version, engine.linker(), component).map_err(|source| Error::Mismatch {
            plugin: settings.name.clone(),
            version: version.as_str(),
            source: source.into(),
        })?;
        let name: Arc<str> = settings.name.as_str().into();
        let mut plugin = Plugin {
            log: Arc::new(LogGate::new(Arc::clone(&name), settings.limits.log_lines)),
            identity: Arc::new(Identity { name, version: "".into(), digest: binary.digest.as_str().into() }),
            config_json: settings.config_json.clone(),
            schema: None,
            breaker: Breaker::new(settings.limits.faults_per_minute),
            limits: settings.limits.clone(),
            needs: Columns::empty(),
            routes: false,
            tables: Arc::clone(&settings.tables),
            checked,
            engine: engine.clone(),
            counters: Arc::default(),
        };
        let mut instance = plugin.instantiate()?;
        let description =
            instance.exports.describe(&mut instance.store).map_err(|error| plugin.start_failed(&error, &instance.store))?;
        plugin.identity = Arc::new(Identity {
            name: Arc::clone(&plugin.identity.name),
            version: clean(&description.version).into(),
            digest: Arc::clone(&plugin.identity.digest),
        });
        plugin.needs = description.needs;
        plugin.routes = description.routes;
        Ok((plugin, description, instance))
    }

    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// What the operator calls it.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// What it says its version is.
    pub fn version(&self) -> &str {
        &self.identity.version
    }

    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.identity.digest
    }

    /// The JSON Schema of its configuration, if it has one.
    pub fn schema(&self) -> Option<&Value> {
        self.schema.as_ref()
    }

    /// Holds its configuration against its schema, which finds all problems at once and with their paths.
    fn check_options(&self) -> Result<(), Error> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let plugin = || self.name().to_owned();
        let options = serde_json::from_str(&self.config_json)
            .map_err(|error| Error::BadConfig { plugin: plugin(), message: format!("it is not JSON: {error}") })?;
        let problems =
            schema::check(schema, &options).map_err(|message| Error::BadSchema { plugin: plugin(), message: clean(&message) })?;
        if problems.is_empty() { Ok(()) } else { Err(Error::BadOptions { plugin: plugin(), problems }) }
    }

    /// What its instances counted through `metrics` since it was loaded.
    pub fn counters(&self) -> Vec<(Arc<str>, u64)> {
        self.counters.read()
    }

    /// Shows one record, an empty JSON object, to an instance of its own. Whatever the plugin thinks of it is well; a fault is an
    /// error.
    pub fn self_test(self: &Arc<Plugin>) -> Result<(), Error> {
        let mut batch = RecordBatch::new(TopicPartition::new("self-test", 0));
        batch.push(Offset::ZERO, -1, TimestampType::NotAvailable, None, Some(b"{}"));
        let time = self.limits.time_for(batch.len());
        match Worker::new(Arc::clone(self))?.call(&batch, time)? {
            Err(fault) if fault.costs_instance() => {
                Err(Error::SelfTest { plugin: self.name().to_owned(), reason: fault.reason(), message: fault.kind.to_string() })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn needs(&self) -> Columns {
        self.needs
    }

    /// Whether it may send records to other tables than their pipeline's own.
    pub(crate) fn routes(&self) -> bool {
        self.routes
    }

    /// Where it may send them.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// An instance that took its configuration.
    pub(crate) fn start(&self) -> Result<Instance, Error> {
        let mut instance = self.instantiate()?;
        self.configure(&mut instance)?;
        Ok(instance)
    }

    fn instantiate(&self) -> Result<Instance, Error> {
        let state = HostState::new(&self.limits, Arc::clone(&self.log), Arc::clone(&self.counters));
        let mut store = Store::new(self.engine.wasm(), state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(ticks(self.limits.start_time));
        store.set_hostcall_fuel(LIFT_BYTES);
        self.engine.refuel(&mut store);
        match self.checked.instantiate(&mut store) {
            Ok(exports) => Ok(Instance { store, exports, recycle_at: usize::MAX }),
            Err(error) => Err(self.start_failed(&error, &store)),
        }
    }

    fn configure(&self, instance: &mut Instance) -> Result<(), Error> {
        match instance.exports.configure(&mut instance.store, &self.config_json, self.tables.names()) {
            Ok(Ok(())) => {
                let state = instance.store.data_mut();
                state.end_call(true);
                // Memory of an instance never shrinks. Near its limit a leak ends better now than in a fault, unless the
                // plugin needed that much from the start.
                let used = state.limits.memory_used();
                instance.recycle_at = (self.limits.memory_bytes / 4 * 3).max(used.saturating_mul(2));
                Ok(())
            }
            Ok(Err(message)) => Err(Error::BadConfig { plugin: self.name().to_owned(), message: clean(&message) }),
            Err(error) => Err(self.start_failed(&error, &instance.store)),
        }
    }

    fn start_failed(&self, error: &wasmtime::Error, store: &Store<HostState>) -> Error {
        let message = Fault::of(error, store, self.limits.start_time).kind.to_string();
        Error::Start { plugin: self.name().to_owned(), message }
    }
}

/// The schema that a plugin describes its configuration with.
pub(crate) fn read_schema(plugin: &str, description: &Description) -> Result<Option<Value>, Error> {
    let Some(text) = &description.config_schema else { return Ok(None) };
    let schema = serde_json::from_str(text)
        .map_err(|error| Error::BadSchema { plugin: plugin.to_owned(), message: format!("it is not JSON: {error}") })?;
    Ok(Some(schema))
}
