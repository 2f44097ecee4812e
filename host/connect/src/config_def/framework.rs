//! The keys that Kafka Connect gives every sink connector, and those that a configuration adds by naming transforms and predicates.

use super::{ConfigMap, Default, Importance, Key, Kind, Parsed, Width, alone, at_least, below, one_of};
use crate::converter::SNOWFLAKE_JSON;
use crate::java_regex::JavaRegex;
use crate::plugins::{self, Class, Plugin, PluginKind};
use crate::worker::WorkerSettings;
use crate::{predicate, smt};

const COMMON: &str = "Common";
const TRANSFORMS: &str = "Transforms";
const PREDICATES: &str = "Predicates";
const ERROR_HANDLING: &str = "Error Handling";

/// The groups of [`keys`].
pub const GROUPS: [&str; 4] = [COMMON, TRANSFORMS, PREDICATES, ERROR_HANDLING];

/// The keys of a sink connector of this version, before anything is known of its configuration.
pub fn keys(connector_version: &'static str) -> Vec<Key> {
    use Importance::{High, Low, Medium};
    let text = |text: &'static str| Default::Text(text.into());
    let mut keys =
        vec![
            Key::new("name", Kind::String, Default::Required, High, "The connector's name.").validated(printable).grouped(
                COMMON,
                1,
                Width::Medium,
                "Connector name",
            ),
            Key::new("connector.class", Kind::String, Default::Required, High, "What to run: a class name, or its short form.")
                .grouped(COMMON, 2, Width::Long, "Connector class"),
            Key::new("connector.plugin.version", Kind::String, text(connector_version), Medium, "The version of the connector.")
                .grouped(COMMON, 3, Width::Medium, "Connector version"),
            Key::new("tasks.max", Kind::Int, text("1"), High, "How many tasks there are at most.")
                .validated(at_least::<1>)
                .grouped(COMMON, 4, Width::Short, "Tasks max"),
            Key::new("tasks.max.enforce", Kind::Boolean, text("true"), Low, "Whether a connector that makes more tasks fails.")
                .grouped(COMMON, 5, Width::Short, "Enforce tasks max"),
        ];
    for (order, (what, words)) in [("key", "Key"), ("value", "Value"), ("header", "Header")].into_iter().enumerate() {
        let order = 6 + 2 * order as i32;
        keys.push(
            Key::new(format!("{what}.converter"), Kind::Class, Default::Null, Low, format!("What reads the {what} of a record."))
                .grouped(COMMON, order, Width::Short, format!("{words} converter class")),
        );
        keys.push(
            Key::new(
                format!("{what}.converter.plugin.version"),
                Kind::String,
                Default::Null,
                Low,
                "The version of that converter.",
            )
            .grouped(COMMON, order + 1, Width::Short, format!("{words} converter version")),
        );
    }
    keys.extend([
        Key::new("transforms", Kind::List, text(""), Low, "Names of the transforms, in the order in which a record meets them.")
            .validated(distinct_aliases)
            .grouped(TRANSFORMS, 12, Width::Long, "Transforms"),
        Key::new("predicates", Kind::List, text(""), Low, "Names of the predicates that transforms may have.")
            .validated(distinct_aliases)
            .grouped(PREDICATES, 13, Width::Long, "Predicates"),
        Key::new(
            "config.action.reload",
            Kind::String,
            text("restart"),
            Low,
            "What happens when a value from a config provider changes.",
        )
        .validated(|_, value| one_of(value, &["none", "restart"]))
        .grouped(COMMON, 14, Width::Medium, "Reload Action"),
        Key::new("errors.retry.timeout", Kind::Long, text("0"), Medium, "Milliseconds for which a failed step is tried again.")
            .grouped(ERROR_HANDLING, 1, Width::Medium, "Retry Timeout for Errors"),
        Key::new("errors.retry.delay.max.ms", Kind::Long, text("60000"), Medium, "Milliseconds between two tries at most.")
            .grouped(ERROR_HANDLING, 2, Width::Medium, "Maximum Delay Between Retries for Errors"),
        Key::new(
            "errors.tolerance",
            Kind::String,
            text("none"),
            Medium,
            "What a record that fails does: `none` stops its partition, `all` sets it aside.",
        )
        .validated(|_, value| one_of(value, &["none", "all"]))
        .grouped(ERROR_HANDLING, 3, Width::Short, "Error Tolerance"),
        Key::new("errors.log.enable", Kind::Boolean, text("false"), Medium, "Whether each failed record is logged.").grouped(
            ERROR_HANDLING,
            4,
            Width::Short,
            "Log Errors",
        ),
        Key::new(
            "errors.log.include.messages",
            Kind::Boolean,
            text("false"),
            Medium,
            "Whether the log names the record that failed.",
        )
        .grouped(ERROR_HANDLING, 5, Width::Short, "Log Error Details"),
        Key::new("topics", Kind::List, text(""), High, "The topics to read.").validated(distinct_topics).grouped(
            COMMON,
            4,
            Width::Long,
            "Topics",
        ),
        Key::new("topics.regex", Kind::String, text(""), High, "A pattern for the topics to read.").validated(pattern).grouped(
            COMMON,
            4,
            Width::Long,
            "Topics regex",
        ),
        Key::new("errors.deadletterqueue.topic.name", Kind::String, text(""), Medium, "The topic for records that were set aside.")
            .grouped(ERROR_HANDLING, 6, Width::Medium, "Dead Letter Queue Topic Name"),
        Key::new(
            "errors.deadletterqueue.topic.replication.factor",
            Kind::Short,
            text("3"),
            Medium,
            "How many copies that topic has where it is made.",
        )
        .grouped(ERROR_HANDLING, 7, Width::Medium, "Dead Letter Queue Topic Replication Factor"),
        Key::new(
            "errors.deadletterqueue.context.headers.enable",
            Kind::Boolean,
            text("false"),
            Medium,
            "Whether a record that was set aside says in its headers why.",
        )
        .grouped(ERROR_HANDLING, 8, Width::Medium, "Enable Error Context Headers"),
    ]);
    keys
}

/// [`keys`] as `config` makes them: with the worker's converters, and with the keys of the transforms and predicates it names.
pub fn enriched(connector: &Plugin, config: &ConfigMap, worker: &WorkerSettings) -> Vec<Key> {
    let mut keys = keys(connector.version.unwrap_or_default());
    for key in &mut keys {
        if key.name == "connector.plugin.version" {
            key.recommended = connector.version.map(str::to_owned).into_iter().collect();
        }
        for (name, kind, of_worker) in converters(worker) {
            if *key.name == *name {
                key.default = Default::Text(of_worker.to_owned().into());
                key.recommended = plugins::classes(kind);
                key.recommended.retain(|class| converter_class(connector, class, kind).is_some());
            } else if key.name.strip_suffix(".plugin.version") == Some(name) {
                let class = config.get(name).and_then(|class| class.as_deref()).unwrap_or(of_worker);
                version(key, converter_class(connector, class.trim(), kind));
            }
        }
    }
    for (list, kind, name) in
        [("transforms", PluginKind::Transformation, "Transformation"), ("predicates", PluginKind::Predicate, "Predicate")]
    {
        for alias in aliases(config, list) {
            keys.extend(step(config, list, &alias, kind, name));
        }
    }
    keys
}

/// The distinct names in `transforms` or `predicates`.
pub fn aliases(config: &ConfigMap, list: &str) -> Vec<String> {
    let key = Key::new(list.to_owned(), Kind::List, Default::Text("".into()), Importance::Low, "");
    let mut aliases: Vec<String> = Vec::new();
    for alias in key.check(config).value.list() {
        if !aliases.contains(alias) {
            aliases.push(alias.clone());
        }
    }
    aliases
}

/// Where converters are named: the key, what is wanted there, and what the worker has.
pub fn converters(worker: &WorkerSettings) -> [(&'static str, PluginKind, &str); 3] {
    [
        ("key.converter", PluginKind::Converter, &worker.key_converter),
        ("value.converter", PluginKind::Converter, &worker.value_converter),
        ("header.converter", PluginKind::HeaderConverter, &worker.header_converter),
    ]
}

/// What a converter's class stands for. Snowflake's own came with version 3 only.
pub fn converter_class(connector: &Plugin, class: &str, kind: PluginKind) -> Option<Class> {
    plugins::find(class, kind).filter(|found| match found {
        Class::Plugin(plugin) => plugin.class != SNOWFLAKE_JSON || connector.class == plugins::SINK_V3,
        _ => true,
    })
}

/// Fills in what is to be said of a plug-in's version.
fn version(key: &mut Key, found: Option<Class>) {
    match found {
        Some(Class::Plugin(plugin)) => {
            // What a plug-in without a version is said to have.
            let version = plugin.version.unwrap_or("undefined");
            key.default = Default::Text(version.into());
            key.recommended = vec![version.to_owned()];
        }
        _ => key.visible = false,
    }
}

/// The keys of one transform or predicate.
fn step(config: &ConfigMap, list: &str, alias: &str, kind: PluginKind, name: &'static str) -> Vec<Key> {
    let prefix = format!("{list}.{alias}.");
    let group = format!("{name}s: {alias}").replace("Transformations", "Transforms");
    let class = config.get(&format!("{prefix}type")).and_then(|class| class.as_deref()).unwrap_or_default().trim();
    let mut kind_key = Key::new("type", Kind::Class, Default::Required, Importance::High, format!("The class of `{alias}`."))
        .grouped(group.clone(), 0, Width::Long, format!("{name} type for {alias}"))
        .prefixed(&prefix);
    kind_key.recommended = plugins::classes(kind);
    let mut version_key =
        Key::new("plugin.version", Kind::String, Default::Null, Importance::High, format!("The version of `{alias}`."))
            .grouped(group.clone(), 1, Width::Long, format!("{name} version for {alias}"))
            .prefixed(&prefix);
    version(&mut version_key, plugins::find(class, kind));
    version_key.visible = true;

    let mut own = match (plugins::find(class, kind), kind) {
        (Some(Class::Plugin(plugin)), PluginKind::Predicate) => predicate::definition(plugin.class).unwrap_or_default(),
        (Some(Class::Plugin(plugin)), _) if plugin.class == plugins::WASM_PLUGIN => plugins::wasm_plugin_keys(),
        (Some(Class::Plugin(plugin)), _) => {
            let mut keys = smt::definition(plugin.class).unwrap_or_default();
            keys.push(Key::new(
                "predicate",
                Kind::String,
                Default::Null,
                Importance::Medium,
                "The predicate that says which records are transformed.",
            ));
            keys.push(Key::new(
                "negate",
                Kind::Boolean,
                Default::Text("false".into()),
                Importance::Medium,
                "Whether those are transformed that the predicate does not choose.",
            ));
            keys
        }
        _ => Vec::new(),
    };
    // Kafka sorts them, first those that must be given, then by importance, then by name.
    own.sort_by(|one, other| {
        let rank = |key: &Key| (key.group.is_some(), key.order_in_group, !key.is_required(), key.importance as u8);
        rank(one).cmp(&rank(other)).then_with(|| one.name.cmp(&other.name))
    });
    let mut keys = vec![kind_key, version_key];
    for (mut key, order) in own.into_iter().zip(2..) {
        key.group = Some(match &key.group {
            Some(inner) => format!("{group}: {inner}").into(),
            None => group.clone().into(),
        });
        key.order_in_group = order;
        keys.push(key.prefixed(&prefix));
    }
    keys
}

/// What is wrong with the class of a transform or a predicate beyond its name: it is abstract, or something else altogether; or
/// what the class forbids.
pub fn step_error(config: &ConfigMap, list: &str, alias: &str, kind: PluginKind) -> Option<String> {
    let prefix = format!("{list}.{alias}.");
    let own = below(config, &prefix);
    if kind == PluginKind::Transformation && own.contains_key("negate") && !own.contains_key("predicate") {
        return Some(format!(
            "Config '{prefix}negate' was provided but there is no config '{prefix}predicate' defining a predicate to be negated."
        ));
    }
    class_error(&plugins::find(own.get("type")?.as_deref()?.trim(), kind)?, kind)
}

/// Why a class that exists cannot serve as `kind`.
pub fn class_error(found: &Class, kind: PluginKind) -> Option<String> {
    match found {
        Class::Plugin(_) => None,
        Class::Abstract(forms) => Some(format!("This class is abstract and cannot be created. Did you mean {}?", forms.join(", "))),
        Class::Other(class) => Some(format!("Class class {class} does not implement the {} interface", kind.interface())),
    }
}

fn printable(_: &Key, value: &Parsed) -> Result<(), String> {
    let Some(name) = value.text() else { return Ok(()) };
    if name.is_empty() {
        return Err("String may not be empty".to_owned());
    }
    let control: Vec<String> =
        name.chars().filter(|letter| letter.is_control()).map(|letter| u32::from(letter).to_string()).collect();
    if control.is_empty() {
        return Ok(());
    }
    Err(format!("String may not contain control sequences but had the following ASCII chars: {}", control.join(", ")))
}

fn distinct_aliases(_: &Key, value: &Parsed) -> Result<(), String> {
    match is_distinct(value.list()) {
        true => Ok(()),
        false => Err("Duplicate alias provided.".to_owned()),
    }
}

fn distinct_topics(key: &Key, value: &Parsed) -> Result<(), String> {
    if *value == Parsed::Null {
        return Err(alone(&format!("Configuration '{}' values must not be null.", key.base_name())));
    }
    if !is_distinct(value.list()) {
        return Err(alone(&format!("Configuration '{}' values must not be duplicated.", key.base_name())));
    }
    if value.list().iter().any(String::is_empty) {
        return Err(alone(&format!("Configuration '{}' values must not be empty.", key.base_name())));
    }
    Ok(())
}

fn is_distinct(items: &[String]) -> bool {
    items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
}

fn pattern(_: &Key, value: &Parsed) -> Result<(), String> {
    match value.text() {
        Some(text) => JavaRegex::new(text).map(|_| ()).map_err(|why| format!("Invalid regex: {why}")),
        None => Ok(()),
    }
}
