//! What can be told of a component without running it over records.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::bindings::exports::snowgate::transform::transform::Columns;
use crate::component::{self, Binary};
use crate::config::{Capability, Limits, PluginSettings};
use crate::engine::Engine;
use crate::error::Error;
use crate::host::clean;
use crate::plugin::{Plugin, read_schema};
use crate::version::PACKAGE;

/// A component as a gateway of this version sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// What it calls itself.
    pub name: String,
    pub version: String,
    /// SHA-256 in hex.
    pub digest: String,
    /// How large the component is.
    pub bytes: u64,
    /// The package it was built for, such as `snowgate:transform@0.2.0`.
    pub package: String,
    /// The columns of a batch that it reads.
    pub needs: Vec<&'static str>,
    /// Whether it may send records to other tables than their pipeline's own.
    pub routes: bool,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    /// What its imports mean.
    pub capabilities: Vec<Capability>,
    /// The JSON Schema of its configuration.
    pub schema: Option<Value>,
}

/// Reads the component at `path`, and asks it what it is. An error is what would make a gateway refuse it, with any configuration.
pub fn inspect(engine: &Engine, path: &Path) -> Result<Inspection, Error> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let binary = Binary::read(&name, path)?;
    let engine = &engine.of(&binary);
    let (component, version) = binary.compile(engine, &name)?;
    let settings = PluginSettings {
        name,
        path: path.to_owned(),
        sha256: None,
        allow: Capability::ALL.to_vec(),
        config_json: "{}".to_owned(),
        limits: Limits::default(),
        tables: Arc::default(),
    };
    let (plugin, description, _) = Plugin::describe(engine, &settings, &binary, &component, version)?;
    let imports = component::imports(engine, &component);
    Ok(Inspection {
        name: clean(&description.name),
        version: plugin.version().to_owned(),
        bytes: binary.bytes.len() as u64,
        package: format!("{PACKAGE}@{}", version.as_str()),
        needs: needs(description.needs),
        routes: description.routes,
        capabilities: component::capabilities(&imports),
        imports,
        exports: component::exports(engine, &component),
        schema: read_schema(&settings.name, &description)?,
        digest: binary.digest,
    })
}

fn needs(columns: Columns) -> Vec<&'static str> {
    [
        ("values", Columns::VALUES),
        ("keys", Columns::KEYS),
        ("headers", Columns::HEADERS),
        ("offsets", Columns::OFFSETS),
        ("timestamps", Columns::TIMESTAMPS),
    ]
    .into_iter()
    .filter_map(|(name, column)| columns.contains(column).then_some(name))
    .collect()
}
