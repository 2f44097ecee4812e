//! `snowgate-sandbox topics`: makes and deletes topics on a real broker, for the tools that need fresh ones.
//!
//! Making a topic that exists with the same number of partitions is no error, so that a start can be repeated. The command returns when
//! every partition has a leader, or when nothing of the topic is left. The embedded broker does not answer these calls; its topics come with its start.

use std::future::Future;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::serve::say;

/// How long a broker may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes and deletes topics.
#[derive(Debug, Args)]
pub(crate) struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    /// Makes topics; one that is there already, with as many partitions, is left as it is.
    Create {
        #[arg(long, value_name = "HOST:PORT")]
        bootstrap: String,
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..))]
        partitions: i32,
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
        replication: i32,
        /// A setting of the topic, `retention.ms=600000`; may be given again.
        #[arg(long = "config", value_name = "KEY=VALUE", value_parser = parse_setting)]
        configs: Vec<(String, String)>,
        #[arg(required = true)]
        topics: Vec<String>,
    },
    /// Deletes topics; one that is not there is no error.
    Delete {
        #[arg(long, value_name = "HOST:PORT")]
        bootstrap: String,
        #[arg(required = true)]
        topics: Vec<String>,
    },
}

pub(crate) fn run(args: &TopicsArgs) -> Result<(), String> {
    match &args.command {
        TopicsCommand::Create { bootstrap, partitions, replication, configs, topics } => {
            let admin = client(bootstrap)?;
            let new: Vec<_> = topics
                .iter()
                .map(|topic| {
                    let new = NewTopic::new(topic, *partitions, TopicReplication::Fixed(*replication));
                    configs.iter().fold(new, |new, (key, value)| new.set(key, value))
                })
                .collect();
            let answers = wait(admin.create_topics(&new, &options()))?;
            for answer in answers.map_err(|error| format!("could not make topics at `{bootstrap}`: {error}"))? {
                match answer {
                    Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                    Err((topic, code)) => return Err(format!("could not make topic `{topic}` at `{bootstrap}`: {code}")),
                }
            }
            topics.iter().try_for_each(|topic| until_led(&admin, topic, *partitions))?;
            say(&format!("made {} with {partitions} partitions", named(topics)));
        }
        TopicsCommand::Delete { bootstrap, topics } => {
            let admin = client(bootstrap)?;
            let names: Vec<_> = topics.iter().map(String::as_str).collect();
            let answers = wait(admin.delete_topics(&names, &options()))?;
            for answer in answers.map_err(|error| format!("could not delete topics at `{bootstrap}`: {error}"))? {
                match answer {
                    Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                    Err((topic, code)) => return Err(format!("could not delete topic `{topic}` at `{bootstrap}`: {code}")),
                }
            }
            topics.iter().try_for_each(|topic| until_gone(&admin, topic))?;
            say(&format!("deleted {}", named(topics)));
        }
    }
    Ok(())
}

fn client(bootstrap: &str) -> Result<AdminClient<DefaultClientContext>, String> {
    let client: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "snowgate-sandbox-topics")
        .create()
        .map_err(|error| format!("could not make an admin client: {error}"))?;
    client.inner().fetch_metadata(None, PATIENCE).map_err(|error| format!("no broker answers at `{bootstrap}`: {error}"))?;
    Ok(client)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

fn wait<T>(call: impl Future<Output = T>) -> Result<T, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().map_err(|error| format!("could not start the runtime: {error}"))?;
    Ok(runtime.block_on(call))
}

/// Waits until every partition of a topic can be written to.
fn until_led(admin: &AdminClient<DefaultClientContext>, topic: &str, partitions: i32) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let metadata =
            admin.inner().fetch_metadata(Some(topic), PATIENCE).map_err(|error| format!("could not look at `{topic}`: {error}"))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
        if let Some(found) = found.filter(|found| found.partitions().iter().all(|partition| partition.leader() >= 0)) {
            match found.partitions().len() {
                0 => {}
                count if i32::try_from(count) == Ok(partitions) => return Ok(()),
                count => return Err(format!("topic `{topic}` is there already, with {count} partitions and not {partitions}")),
            }
        }
        if Instant::now() > until {
            return Err(format!("topic `{topic}` has partitions without a leader after {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until nothing is left of a topic, so that its name can be used again.
fn until_gone(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let metadata =
            admin.inner().fetch_metadata(None, PATIENCE).map_err(|error| format!("could not look for `{topic}`: {error}"))?;
        if metadata.topics().iter().all(|found| found.name() != topic) {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("topic `{topic}` is still there {PATIENCE:?} after it was deleted"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn named(topics: &[String]) -> String {
    topics.iter().map(|topic| format!("`{topic}`")).collect::<Vec<_>>().join(", ")
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not KEY=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_a_key_and_a_value() {
        assert_eq!(parse_setting("a.b=1=2"), Ok(("a.b".to_owned(), "1=2".to_owned())));
        assert!(parse_setting("=1").is_err());
        assert!(parse_setting("a").is_err());
    }

    #[test]
    fn topics_are_named_in_a_row() {
        assert_eq!(named(&["a".to_owned(), "b".to_owned()]), "`a`, `b`");
    }
}
