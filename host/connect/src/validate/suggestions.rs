//! What to use in the place of a class that is not there.

use crate::converter;
use crate::plugins::{self, PluginKind};

/// Classes that people use and that we do not have: how the name ends, and what to use.
const INSTEAD: &[(&str, &str)] = &[
    (
        "confluent.connect.transforms.TopicRegexRouter",
        "Use org.apache.kafka.connect.transforms.RegexRouter, which takes the same regex and replacement.",
    ),
    (
        "confluent.connect.transforms.TombstoneHandler",
        "Use org.apache.kafka.connect.transforms.Filter with the predicate org.apache.kafka.connect.transforms.predicates.RecordIsTombstone, or behavior.on.null.values=ignore.",
    ),
    (
        "confluent.connect.transforms.ExtractTopic$",
        "The table of a record follows its topic here, and the topic must not follow from a value; a WASM plugin (transforms.NAME.type=snowgate.plugin) can put the field into the row.",
    ),
    (
        "confluent.connect.transforms.MessageTimestampRouter",
        "The table of a record follows its topic here, and the topic must not follow from a value; use org.apache.kafka.connect.transforms.InsertField$Value with timestamp.field.",
    ),
    (
        "confluent.connect.transforms.Drop$",
        "Use org.apache.kafka.connect.transforms.Filter with a predicate, or a WASM plugin (transforms.NAME.type=snowgate.plugin).",
    ),
    (
        "confluent.connect.transforms.Filter$",
        "Use org.apache.kafka.connect.transforms.Filter with a predicate, or a WASM plugin (transforms.NAME.type=snowgate.plugin).",
    ),
    ("confluent.connect.transforms.ReplaceField$", "Use org.apache.kafka.connect.transforms.ReplaceField, of the same form."),
    (
        "io.debezium.transforms.ExtractNewRecordState",
        "Use a WASM plugin (transforms.NAME.type=snowgate.plugin) that unwraps the change event.",
    ),
    (
        "io.debezium.transforms.ByLogicalTableRouter",
        "Use org.apache.kafka.connect.transforms.RegexRouter, which routes by the topic.",
    ),
];

/// How alike two names must be for one to be taken for a misspelling of the other.
const ALIKE: f64 = 0.9;

/// What to use instead of `class`.
pub(super) fn instead_of(class: &str, kind: PluginKind) -> Option<String> {
    if matches!(kind, PluginKind::Converter | PluginKind::HeaderConverter)
        && let Some(why) = converter::refusal(class)
    {
        return Some(why);
    }
    if let Some((_, hint)) = INSTEAD.iter().find(|(end, _)| class.ends_with(end) || (end.ends_with('$') && class.contains(end))) {
        return Some((*hint).to_owned());
    }
    let simple = |class: &str| class.rsplit('.').next().unwrap_or_default().to_lowercase();
    let wanted = simple(class);
    let known = plugins::all().iter().filter(|plugin| plugin.kind == kind);
    let (likeness, nearest) = known
        .map(|plugin| (strsim::jaro_winkler(&simple(plugin.class), &wanted), plugin.class))
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    (likeness >= ALIKE).then(|| format!("Did you mean {nearest}?"))
}
