//! `snowgate check`: tries everything that a run needs, and moves nothing.
//!
//! Each step says whether it works and, where it does not, why and what to do. A step whose ground is missing is left out, for the
//! failed step before it already says why; all others run, so that one go shows all that is wrong. No table is created, no group is
//! joined, no record is read.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use snowgate_kafka::{Error as KafkaError, Need};
use snowgate_record::ErrorClass;
use snowgate_snowflake::check::CheckError;
use snowgate_snowflake::client::Client;

use crate::plugins::{PluginError, Plugins};
use crate::report::{Exit, causes};
use crate::settings::{PipelineSettings, Settings};

/// How long brokers may take to describe a topic.
const KAFKA_PATIENCE: Duration = Duration::from_secs(10);

/// What was tried, in order.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    result: Result<String, Fault>,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// The error and its causes.
    texts: Vec<String>,
    hint: Option<String>,
    exit: Exit,
}

impl Fault {
    fn new(error: &dyn Error, hint: Option<String>, class: ErrorClass) -> Fault {
        let texts = std::iter::once(error.to_string()).chain(causes(error)).collect();
        Fault { texts, hint, exit: Exit::of(class) }
    }
}

impl Checked {
    fn found(&mut self, name: impl Into<String>, found: impl Into<String>) {
        self.steps.push(Step { name: name.into(), result: Ok(found.into()) });
    }

    fn failed(&mut self, name: impl Into<String>, fault: Fault) {
        self.steps.push(Step { name: name.into(), result: Err(fault) });
    }

    /// A wrong configuration counts more than an unreachable service: trying again would not help.
    pub(crate) fn exit(&self) -> Exit {
        let mut exits = self.steps.iter().filter_map(|step| step.result.as_ref().err()).map(|fault| fault.exit).collect::<Vec<_>>();
        exits.sort_by_key(|exit| *exit == Exit::Unreachable);
        exits.first().copied().unwrap_or(Exit::Done)
    }

    /// The list of steps as its reader sees it.
    pub(crate) fn to_text(&self, file: &Path) -> String {
        let mut text = String::new();
        for (index, step) in self.steps.iter().enumerate() {
            let name = &step.name;
            match &step.result {
                Ok(found) => writeln!(text, "  ok      {name}: {found}"),
                Err(fault) => {
                    let seen =
                        self.steps[..index].iter().any(|earlier| earlier.result.as_ref().is_err_and(|other| fault.is_like(other)));
                    write!(text, "{}", fault.to_text(name, seen))
                }
            }
            .expect("writing to a string does not fail");
        }
        let failed = self.steps.iter().filter(|step| step.result.is_err()).count();
        let file = file.display();
        let verdict = match failed {
            0 => format!("\neverything works: start with `snowgate run --config {file}`\n"),
            1 => format!("\n1 step of {} failed; nothing was moved\n", self.steps.len()),
            _ => format!("\n{failed} steps of {} failed; nothing was moved\n", self.steps.len()),
        };
        text + &verdict
    }
}

impl Fault {
    /// Whether both have the same cause, so that reading it once is enough. Answers to two requests may differ in an id alone.
    fn is_like(&self, other: &Fault) -> bool {
        let causes_alike = self.texts.last() == other.texts.last() || self.texts.first() == other.texts.first();
        causes_alike && self.hint == other.hint
    }

    fn to_text(&self, name: &str, seen: bool) -> String {
        let error = &self.texts[0];
        // Many errors begin with what they are about, which is the step's name.
        let about = if error.starts_with(name) { String::new() } else { format!("{name}: ") };
        let mut text = format!("  failed  {about}{error}\n");
        if seen {
            text += "            because: the same as above\n";
            return text;
        }
        for cause in &self.texts[1..] {
            text += &format!("            because: {cause}\n");
        }
        if let Some(hint) = &self.hint {
            text += &format!("            hint: {hint}\n");
        }
        text
    }
}

/// Tries everything that `settings` name. That they exist means that the configuration and the key are fine.
pub(crate) fn check(settings: &Settings) -> Checked {
    let mut checked = Checked::default();
    let mut parts: Vec<_> = settings.pipelines.iter().map(|pipeline| format!("pipeline `{}`", pipeline.name)).collect();
    if let Some(worker) = &settings.worker {
        parts.push(format!("connectors at {}", worker.advertised_url));
    }
    checked.found("configuration", parts.join(", "));
    if let Some(snowflake) = &settings.snowflake {
        checked.found("private key", snowflake.fingerprint());
    }
    check_plugins(settings, &mut checked);
    check_kafka(&settings.pipelines, &mut checked);
    check_snowflake(settings, &mut checked);
    checked
}

fn check_plugins(settings: &Settings, checked: &mut Checked) {
    let plugins = Plugins::new(settings.plugins.cache.clone());
    for transform in settings.pipelines.iter().flat_map(|pipeline| &pipeline.plugins) {
        let step = format!("plugin `{}`", transform.plugin.name);
        let loaded = plugins.load(transform).and_then(|plugin| {
            plugin.self_test().map_err(PluginError::from)?;
            Ok(plugin)
        });
        match loaded {
            Ok(plugin) => checked.found(step, format!("version {}, sha256 {}", plugin.version(), plugin.digest())),
            Err(error) => checked.failed(step, Fault::new(&error, error.hint(), error.class())),
        }
    }
}

/// Asks topic by topic, so that one that is absent does not hide another; without brokers there is no use in asking on.
fn check_kafka(pipelines: &[PipelineSettings], checked: &mut Checked) {
    let mut seen = BTreeSet::new();
    for pipeline in pipelines {
        let topics = pipeline.topics.named().iter().map(|topic| (topic, "topic", Need::ReadTopic(topic)));
        let dead_letters = pipeline.dead_letter_topic.iter().map(|topic| (topic, "dead letter topic", Need::WriteTopic(topic)));
        for (topic, kind, need) in topics.chain(dead_letters).filter(|(topic, ..)| seen.insert(topic.as_str())) {
            let step = format!("{kind} `{topic}`");
            let found =
                snowgate_kafka::check(&pipeline.kafka, std::slice::from_ref(topic), None, KAFKA_PATIENCE).and_then(|found| {
                    snowgate_kafka::check_rights(&pipeline.kafka, &[need], KAFKA_PATIENCE)?;
                    Ok(found)
                });
            match found {
                Ok(topics) => checked.found(
                    step,
                    match topics.first().map_or(0, |topic| topic.partitions) {
                        1 => "1 partition".to_owned(),
                        partitions => format!("{partitions} partitions"),
                    },
                ),
                Err(error @ (KafkaError::TopicAbsent { .. } | KafkaError::TopicForbidden { .. })) => {
                    checked.failed(step, Fault::new(&error, error.hint(), error.class()));
                }
                Err(error) => {
                    return checked
                        .failed(format!("Kafka at `{}`", pipeline.kafka.brokers), Fault::new(&error, error.hint(), error.class()));
                }
            }
        }
        let step = format!("consumer group `{}`", pipeline.kafka.group);
        match snowgate_kafka::check_rights(&pipeline.kafka, &[Need::ReadGroup], KAFKA_PATIENCE) {
            Ok(()) => checked.found(step, "may be used"),
            Err(error) => checked.failed(step, Fault::new(&error, error.hint(), error.class())),
        }
    }
}

fn check_snowflake(settings: &Settings, checked: &mut Checked) {
    let Some(login) = settings.snowflake.clone() else { return };
    let client = match Client::new(login) {
        Ok(client) => client,
        Err(error) => return checked.failed("Snowflake", Fault::new(&error, error.hint(), error.class())),
    };
    let mut tables = Vec::new();
    for pipeline in &settings.pipelines {
        for table in pipeline.known_tables() {
            let wanted = (table, pipeline.rows.mode);
            if !tables.contains(&wanted) {
                tables.push(wanted);
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime without threads starts");
    for step in runtime.block_on(snowgate_snowflake::check::check(&client, &tables)) {
        match step.result {
            Ok(found) => checked.found(step.name, found),
            Err(error) => {
                let class = match &error {
                    CheckError::Request(error) => error.class(),
                    CheckError::UnfitTable { .. } => ErrorClass::Config,
                };
                checked.failed(step.name, Fault::new(&error, error.hint(), class));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(texts: &[&str], hint: Option<&str>, exit: Exit) -> Fault {
        Fault { texts: texts.iter().map(|text| (*text).to_owned()).collect(), hint: hint.map(str::to_owned), exit }
    }

    #[test]
    fn every_step_is_listed_and_a_cause_is_told_once() {
        let refused = |what: &str| fault(&[what, "connection refused"], Some("check `account` and `url`"), Exit::Unreachable);
        let mut checked = Checked::default();
        checked.found("configuration", "pipeline `klines`");
        checked.failed("topic `klines`", fault(&["topic `klines` does not exist"], None, Exit::Config));
        checked.failed("host that takes rows", refused("could not ask Snowflake for the host that takes rows"));
        checked.failed("schema `A.B`", refused("could not run a statement"));
        assert_eq!(
            checked.to_text(Path::new("snowgate.toml")),
            "  ok      configuration: pipeline `klines`\n  \
               failed  topic `klines` does not exist\n  \
               failed  host that takes rows: could not ask Snowflake for the host that takes rows\n            \
                         because: connection refused\n            \
                         hint: check `account` and `url`\n  \
               failed  schema `A.B`: could not run a statement\n            \
                         because: the same as above\n\
             \n3 steps of 4 failed; nothing was moved\n"
        );
    }

    #[test]
    fn when_everything_works_the_next_step_is_named() {
        let mut checked = Checked::default();
        checked.found("configuration", "pipeline `klines`");
        let expected =
            "  ok      configuration: pipeline `klines`\n\neverything works: start with `snowgate run --config my.toml`\n";
        assert_eq!(checked.to_text(Path::new("my.toml")), expected);
        assert_eq!(checked.exit(), Exit::Done);
    }

    #[test]
    fn a_wrong_configuration_counts_more_than_an_unreachable_service() {
        let mut checked = Checked::default();
        checked.failed("a", fault(&["x"], None, Exit::Unreachable));
        assert_eq!(checked.exit(), Exit::Unreachable);
        checked.failed("b", fault(&["y"], None, Exit::Config));
        assert_eq!(checked.exit(), Exit::Config);
    }
}
