//! The plug-ins there are: what `GET /connector-plugins` lists, and what a class name in a configuration may stand for.

use std::sync::LazyLock;

use crate::config_def::{Default, Importance, Key, Kind, framework, snowflake_v3, snowflake_v4};
use crate::converter::SNOWFLAKE_JSON;
use crate::{converter, predicate, smt};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginKind {
    Sink,
    Transformation,
    Predicate,
    Converter,
    HeaderConverter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plugin {
    pub class: &'static str,
    pub kind: PluginKind,
    pub version: Option<&'static str>,
}

/// What a class name stands for, where a plug-in of some kind is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    Plugin(&'static Plugin),
    /// A transform without `$Key` or `$Value`; its forms.
    Abstract(Vec<&'static str>),
    /// A plug-in of another kind; its class.
    Other(&'static str),
}

/// The connector of version 3.
pub const SINK_V3: &str = "com.snowflake.kafka.connector.SnowflakeSinkConnector";
/// The connector of version 4.
pub const SINK_V4: &str = "com.snowflake.kafka.connector.SnowflakeStreamingSinkConnector";
/// A WASM component in the place of a transform.
pub const WASM_PLUGIN: &str = "snowgate.plugin";

/// What a WASM component may be allowed to import.
pub const CAPABILITIES: [&str; 2] = ["log", "metrics"];

const KAFKA: Option<&str> = Some("4.3.1");

static PLUGINS: LazyLock<Vec<Plugin>> = LazyLock::new(|| {
    let of_kafka =
        |classes: &[&'static str], kind| classes.iter().map(move |class| Plugin { class, kind, version: KAFKA }).collect();
    let mut plugins = vec![
        Plugin { class: SINK_V3, kind: PluginKind::Sink, version: Some("3.5.4") },
        Plugin { class: SINK_V4, kind: PluginKind::Sink, version: Some("4.1.0") },
    ];
    plugins.append(&mut of_kafka(smt::CLASSES, PluginKind::Transformation));
    plugins.push(Plugin { class: WASM_PLUGIN, kind: PluginKind::Transformation, version: Some(env!("CARGO_PKG_VERSION")) });
    plugins.append(&mut of_kafka(predicate::CLASSES, PluginKind::Predicate));
    plugins.append(&mut of_kafka(converter::CLASSES, PluginKind::Converter));
    plugins.append(&mut of_kafka(converter::HEADER_CLASSES, PluginKind::HeaderConverter));
    // What is not Kafka's has no version.
    plugins.iter_mut().filter(|plugin| plugin.class == SNOWFLAKE_JSON).for_each(|plugin| plugin.version = None);
    plugins
});

impl PluginKind {
    /// As `GET /connector-plugins` says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            PluginKind::Sink => "sink",
            PluginKind::Transformation => "transformation",
            PluginKind::Predicate => "predicate",
            PluginKind::Converter => "converter",
            PluginKind::HeaderConverter => "header_converter",
        }
    }

    /// The Java interface, as error messages name it.
    pub const fn interface(self) -> &'static str {
        match self {
            PluginKind::Sink => "Connector",
            PluginKind::Transformation => "Transformation",
            PluginKind::Predicate => "Predicate",
            PluginKind::Converter => "Converter",
            PluginKind::HeaderConverter => "HeaderConverter",
        }
    }
}

impl Plugin {
    /// Whether `name` is the full class, its last part, or that less the name of its interface.
    fn is_called(&self, name: &str) -> bool {
        let simple = self.class.rsplit('.').next().unwrap_or(self.class);
        // The forms of a transform are all called Key and Value, so they have no short name.
        let has_short_name = !simple.contains('$') && self.class != WASM_PLUGIN;
        self.class == name || (has_short_name && (simple == name || simple.strip_suffix(self.kind.interface()) == Some(name)))
    }
}

pub fn all() -> &'static [Plugin] {
    &PLUGINS
}

/// A connector by its full class, its simple name, or that less `Connector`.
pub fn connector(alias: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().find(|plugin| plugin.kind == PluginKind::Sink && plugin.is_called(alias))
}

/// What `class` stands for where a plug-in of `kind` is wanted; `None` where there is no such class.
pub fn find(class: &str, kind: PluginKind) -> Option<Class> {
    if let Some(plugin) = PLUGINS.iter().find(|plugin| plugin.kind == kind && plugin.is_called(class)) {
        return Some(Class::Plugin(plugin));
    }
    if let Some(plugin) = PLUGINS.iter().find(|plugin| plugin.is_called(class)) {
        return Some(Class::Other(plugin.class));
    }
    let is_form = |plugin: &&Plugin| plugin.class.split_once('$').is_some_and(|(outer, _)| outer == class);
    let forms: Vec<_> = PLUGINS.iter().filter(is_form).map(|plugin| plugin.class).collect();
    (!forms.is_empty()).then_some(Class::Abstract(forms))
}

/// The classes of `kind`.
pub fn classes(kind: PluginKind) -> Vec<String> {
    PLUGINS.iter().filter(|plugin| plugin.kind == kind).map(|plugin| plugin.class.to_owned()).collect()
}

/// A connector's own keys.
pub fn connector_keys(plugin: &Plugin) -> Vec<Key> {
    match plugin.class {
        SINK_V4 => snowflake_v4::keys(),
        _ => snowflake_v3::keys(),
    }
}

/// The keys of a plug-in, as `GET /connector-plugins/{plugin}/config` lists them: a connector's own first, then the framework's.
pub fn definition(plugin: &str) -> Option<Vec<Key>> {
    if let Some(connector) = connector(plugin) {
        let mut keys = connector_keys(connector);
        for key in framework::keys(connector.version.unwrap_or_default()) {
            if keys.iter().all(|own| own.name != key.name) {
                keys.push(key);
            }
        }
        return Some(keys);
    }
    let plugin = PLUGINS.iter().find(|known| known.is_called(plugin))?;
    match plugin.kind {
        _ if plugin.class == WASM_PLUGIN => Some(wasm_plugin_keys()),
        PluginKind::Predicate => predicate::definition(plugin.class),
        PluginKind::Transformation => smt::definition(plugin.class),
        _ => converter::definition(plugin.class),
    }
}

/// The keys of a WASM component in the place of a transform, but for those that are the component's own.
pub fn wasm_plugin_keys() -> Vec<Key> {
    vec![
        Key::new("path", Kind::String, Default::Required, Importance::High, "The file of the component."),
        Key::new(
            "config",
            Kind::String,
            Default::Null,
            Importance::Medium,
            "The plugin's configuration as JSON; or give each of its keys as `config.KEY`.",
        ),
        Key::new(
            "sha256",
            Kind::String,
            Default::Null,
            Importance::Medium,
            "SHA-256 of the component in hex. With it, no other file is loaded.",
        ),
        Key::new(
            "allow",
            Kind::List,
            Default::Text("log,metrics".into()),
            Importance::Low,
            "What the component may import: log, metrics, or nothing.",
        ),
    ]
}
