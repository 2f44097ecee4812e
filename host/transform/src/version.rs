//! The versions of `snowgate:transform` that this gateway serves: its own, and the one before it.
//!
//! A component is told by what it exports. From here on there is one interface only: what the older version takes and gives becomes
//! the newer one's by moving columns, so that limits, checks and the chain know of no versions.

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Result, Store};

use crate::bindings::exports::snowgate::transform::transform::{Batch, ColumnParam, ColumnResult, Columns, Description, Output};
use crate::bindings::v0_1::exports::snowgate::transform::transform as old;
use crate::bindings::{self, v0_1};
use crate::host::HostState;

pub(crate) const PACKAGE: &str = "snowgate:transform";

/// A version of the package, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V0_2,
    V0_1,
}

impl Version {
    /// The version that a component with these exports is built for. One that exports both is taken as the newer.
    pub(crate) fn of(exports: &[String]) -> Option<Version> {
        [Version::V0_2, Version::V0_1].into_iter().find(|version| {
            let transform = format!("{PACKAGE}/transform@{}", version.as_str());
            exports.contains(&transform)
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Version::V0_2 => "0.2.0",
            Version::V0_1 => "0.1.0",
        }
    }
}

/// What plugins of either version may call.
pub(crate) fn add_to_linker(linker: &mut Linker<HostState>) -> Result<()> {
    bindings::snowgate::transform::log::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    bindings::snowgate::transform::metrics::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    v0_1::snowgate::transform::log::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)?;
    v0_1::snowgate::transform::metrics::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)
}

/// A component whose imports and exports fit its version.
pub(crate) enum Checked {
    V0_2(bindings::PluginPre<HostState>),
    V0_1(v0_1::PluginPre<HostState>),
}

impl Checked {
    pub(crate) fn new(version: Version, linker: &Linker<HostState>, component: &Component) -> Result<Checked> {
        let pre = linker.instantiate_pre(component)?;
        Ok(match version {
            Version::V0_2 => Checked::V0_2(bindings::PluginPre::new(pre)?),
            Version::V0_1 => Checked::V0_1(v0_1::PluginPre::new(pre)?),
        })
    }

    pub(crate) fn instantiate(&self, store: &mut Store<HostState>) -> Result<Exports> {
        Ok(match self {
            Checked::V0_2(pre) => Exports::V0_2(pre.instantiate(store)?),
            Checked::V0_1(pre) => Exports::V0_1(pre.instantiate(store)?),
        })
    }
}

/// What an instance can be asked.
pub(crate) enum Exports {
    V0_2(bindings::Plugin),
    V0_1(v0_1::Plugin),
}

impl Exports {
    pub(crate) fn describe(&self, store: &mut Store<HostState>) -> Result<Description> {
        match self {
            Exports::V0_2(plugin) => plugin.snowgate_transform_transform().call_describe(store),
            Exports::V0_1(plugin) => {
                let old::Description { name, version, needs, config_schema } =
                    plugin.snowgate_transform_transform().call_describe(store)?;
                Ok(Description { name, version, needs: newer_needs(needs), routes: false, config_schema })
            }
        }
    }

    pub(crate) fn configure(
        &self,
        store: &mut Store<HostState>,
        config: &str,
        tables: &[String],
    ) -> Result<std::result::Result<(), String>> {
        match self {
            Exports::V0_2(plugin) => {
                // Borrowed parameters want borrowed items. Once for each instance, of a handful of names.
                let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
                plugin.snowgate_transform_transform().call_configure(store, config, &tables)
            }
            Exports::V0_1(plugin) => plugin.snowgate_transform_transform().call_configure(store, config),
        }
    }

    pub(crate) fn process(&self, store: &mut Store<HostState>, batch: Batch<'_>) -> Result<std::result::Result<Output, String>> {
        match self {
            Exports::V0_2(plugin) => plugin.snowgate_transform_transform().call_process(store, batch),
            Exports::V0_1(plugin) => {
                let answer = plugin.snowgate_transform_transform().call_process(store, older_batch(batch))?;
                Ok(answer.map(newer_output))
            }
        }
    }
}

fn newer_needs(needs: old::Columns) -> Columns {
    [
        (old::Columns::VALUES, Columns::VALUES),
        (old::Columns::KEYS, Columns::KEYS),
        (old::Columns::HEADERS, Columns::HEADERS),
        (old::Columns::OFFSETS, Columns::OFFSETS),
        (old::Columns::TIMESTAMPS, Columns::TIMESTAMPS),
    ]
    .into_iter()
    .filter(|(old, _)| needs.contains(*old))
    .fold(Columns::empty(), |needs, (_, column)| needs | column)
}

fn older_batch(batch: Batch<'_>) -> old::Batch<'_> {
    let Batch { topic, partition, count, offsets, timestamps, values, keys, headers } = batch;
    let headers = old::Headers { counts: headers.counts, names: older_column(headers.names), values: older_column(headers.values) };
    old::Batch { topic, partition, count, offsets, timestamps, values: older_column(values), keys: older_column(keys), headers }
}

fn older_column(column: ColumnParam<'_>) -> old::ColumnParam<'_> {
    old::ColumnParam { data: column.data, ends: column.ends, nulls: column.nulls }
}

fn newer_output(output: old::Output) -> Output {
    let old::Output { verdicts, sources, values, keys, failures } = output;
    let (values, keys) = (newer_column(values), newer_column(keys));
    Output { verdicts, sources, values, keys, failures, tables: Vec::new(), routes: Vec::new() }
}

fn newer_column(column: old::ColumnResult) -> ColumnResult {
    ColumnResult { data: column.data, ends: column.ends, nulls: column.nulls }
}
