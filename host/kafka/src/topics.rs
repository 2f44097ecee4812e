//! The cluster's topics: their names, and one made where it is missing.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::types::RDKafkaErrorCode;

use crate::config::KafkaSettings;
use crate::context::Observer;
use crate::error::{Error, Reason};

/// The names of all topics that these credentials may see, but Kafka's own.
pub fn topics(settings: &KafkaSettings, timeout: Duration) -> Result<Vec<String>, Error> {
    let client = observer(settings)?;
    let metadata = client
        .fetch_metadata(None, timeout)
        .map_err(|error| Error::of_connection(settings.brokers.clone(), Error::reason_of(&error)))?;
    let names = metadata.topics().iter().map(|topic| topic.name().to_string());
    Ok(names.filter(|name| !name.starts_with("__")).collect())
}

/// The id of the cluster that the brokers belong to.
pub fn cluster_id(settings: &KafkaSettings, timeout: Duration) -> Option<String> {
    observer(settings).ok()?.client().fetch_cluster_id(timeout)
}

fn observer(settings: &KafkaSettings) -> Result<BaseConsumer<Observer>, Error> {
    let client = settings.observer().create_with_context(Observer::default());
    client.map_err(|error| Error::of_creation(error, |words| settings.scrub(words)))
}

/// Makes `topic` with one partition where there is none of that name.
pub async fn create_topic_if_missing(
    settings: &KafkaSettings,
    topic: &str,
    replication: i16,
    timeout: Duration,
) -> Result<(), Error> {
    let client: AdminClient<Observer> = settings
        .observer()
        .create_with_context(Observer::default())
        .map_err(|error| Error::of_creation(error, |words| settings.scrub(words)))?;
    let options = AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout));
    let wanted = NewTopic::new(topic, 1, TopicReplication::Fixed(i32::from(replication)));
    let answers = client.create_topics([&wanted], &options).await;
    let answers = answers.map_err(|error| Error::of_connection(settings.brokers.clone(), Error::reason_of(&error)))?;
    match answers.into_iter().next() {
        None | Some(Ok(_)) | Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
        Some(Err((topic, RDKafkaErrorCode::TopicAuthorizationFailed))) => Err(Error::TopicForbidden { topic }),
        Some(Err((topic, code))) => Err(Error::TopicNotCreated { topic, replication, source: Reason::of(code) }),
    }
}
