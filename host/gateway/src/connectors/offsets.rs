//! The offsets of a connector that does not run: in Kafka's group, and in Snowflake's channels.
//!
//! A channel's offset token wins at its next opening, so moving the group offset alone would do nothing. Both are moved: the channel of
//! each table is dropped and, where it shall go on, opened anew with the token of the record before. What is written beside the group
//! offset says so too, or the next start would take it for a channel that forgot.
//!
//! The group goes first, without a word about tokens: a group that has members refuses, and then nothing was changed. What fails after
//! that is said with what to do; until then the tokens that channels still have win, and no record is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use snowgate_connect::engine::{Failure, OffsetChange};
use snowgate_kafka::{Error as KafkaError, GroupOffset, GroupOffsets};
use snowgate_record::{Offset, TopicPartition};
use snowgate_snowflake::client::Client;
use snowgate_snowflake::error::Failure as Outcome;
use snowgate_snowflake::wire::ChannelName;

use crate::group::Route;
use crate::memo::{Memo, TableMemo};
use crate::report;
use crate::settings::{PipelineSettings, Topics};

/// For all questions to Kafka of one call together.
const PATIENCE: Duration = Duration::from_secs(30);

/// Topic, partition and next offset of each partition that has a group offset.
pub(super) async fn read(pipeline: PipelineSettings) -> Result<Vec<(String, i32, i64)>, Failure> {
    let offsets = blocking(move || group_offsets(&pipeline).map_err(kafka)).await?;
    Ok(offsets.into_iter().map(|(at, offset)| (at.topic.to_string(), at.partition, offset.get())).collect())
}

/// Moves offsets; of changes to the same partition the last one counts.
pub(super) async fn alter(pipeline: PipelineSettings, client: &Client, changes: Vec<OffsetChange>) -> Result<(), Failure> {
    let mut wanted = BTreeMap::new();
    for OffsetChange { topic, partition, offset } in changes {
        let offset = match offset.map(|number| Offset::new(number).ok_or(number)).transpose() {
            Ok(offset) => offset,
            Err(number) => return Err(Failure(format!("offset {number} of partition {partition} of topic {topic} is negative"))),
        };
        wanted.insert(TopicPartition::new(topic.as_str(), partition), offset);
    }
    {
        let (pipeline, wanted) = (pipeline.clone(), wanted.clone());
        blocking(move || check(&pipeline, wanted.keys())).await?;
    }
    let forgotten: Vec<_> = wanted.iter().filter(|(_, offset)| offset.is_none()).map(|(at, _)| at.clone()).collect();
    let places: Vec<_> = wanted.iter().filter_map(|(at, offset)| Some((at.clone(), (*offset)?))).collect();
    let moved = places.iter().map(|(at, next)| written(&pipeline, at, *next, &[])).collect();
    change_group(&pipeline, moved, forgotten.clone()).await?;
    for at in &forgotten {
        move_channels(&pipeline, client, at, None).await?;
    }
    let mut moved = Vec::new();
    for (at, next) in &places {
        let tokens = move_channels(&pipeline, client, at, Some(*next)).await?;
        moved.push(written(&pipeline, at, *next, &tokens));
    }
    change_group(&pipeline, moved, Vec::new()).await
}

/// A group offset with what stands beside it: the token of each table, where it has one. Nothing is on its way, so records may be read
/// on by any routing.
fn written(pipeline: &PipelineSettings, at: &TopicPartition, next: Offset, tokens: &[Option<Offset>]) -> GroupOffset {
    let route = Route::new(pipeline, &at.topic);
    let channel = route.table().channel(at).channel;
    let tokens = tokens.iter().copied().chain(std::iter::repeat(None));
    let of_table = |(table, committed_offset)| TableMemo { table, committed_offset, row_errors: Some(0) };
    let tables: Vec<_> = route.table_names().into_iter().zip(tokens).map(of_table).collect();
    let at_rest = tables.len() > 1;
    let metadata = Memo { channel: &channel, tables, routing: None, at_rest }.to_text();
    GroupOffset { topic_partition: at.clone(), next, metadata }
}

async fn change_group(pipeline: &PipelineSettings, moved: Vec<GroupOffset>, forgotten: Vec<TopicPartition>) -> Result<(), Failure> {
    let settings = pipeline.kafka.clone();
    blocking(move || {
        let group = GroupOffsets::new(&settings, PATIENCE).map_err(kafka)?;
        group.set(&moved).map_err(kafka)?;
        group.forget(&forgotten).map_err(kafka)
    })
    .await
}

/// Forgets all offsets of the connector's topics.
pub(super) async fn reset(pipeline: PipelineSettings, client: &Client) -> Result<(), Failure> {
    let of = pipeline.clone();
    let (partitions, known) = blocking(move || {
        let partitions = all_partitions(&of).map_err(kafka)?;
        let group = GroupOffsets::new(&of.kafka, PATIENCE).map_err(kafka)?;
        let known = group.read(&partitions).map_err(kafka)?.into_iter().map(|(at, _)| at).collect();
        Ok((partitions, known))
    })
    .await?;
    change_group(&pipeline, Vec::new(), known).await?;
    for at in &partitions {
        move_channels(&pipeline, client, at, None).await?;
    }
    Ok(())
}

/// Gives the channel of each table the offset token before `next`, or none; the tokens that they have now.
async fn move_channels(
    pipeline: &PipelineSettings,
    client: &Client,
    at: &TopicPartition,
    next: Option<Offset>,
) -> Result<Vec<Option<Offset>>, Failure> {
    let mut tokens = Vec::new();
    for table in &Route::new(pipeline, &at.topic).tables {
        tokens.push(move_channel(&table.channel(at), client, next).await?);
    }
    Ok(tokens)
}

/// Where there is no table there is no channel, and nothing that would win over the group offset.
async fn move_channel(channel: &ChannelName, client: &Client, next: Option<Offset>) -> Result<Option<Offset>, Failure> {
    let failed = |error: snowgate_snowflake::Error| {
        let why = report::trace(&error, error.hint().as_deref());
        Failure(format!("the group's offsets were changed, channel {channel} was not: ask once more\n  because: {why}"))
    };
    match client.drop_channel(channel).await {
        Ok(_) => {}
        Err(error) if matches!(error.outcome(), Outcome::ObjectMissing | Outcome::ChannelInvalid { .. }) => {}
        Err(error) => return Err(failed(error)),
    }
    let Some(token) = next.and_then(Offset::previous) else { return Ok(None) };
    match client.open_channel_at(channel, token).await {
        Ok(()) => Ok(Some(token)),
        Err(error) if error.outcome() == Outcome::ObjectMissing => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn group_offsets(pipeline: &PipelineSettings) -> Result<Vec<(TopicPartition, Offset)>, KafkaError> {
    let partitions = all_partitions(pipeline)?;
    GroupOffsets::new(&pipeline.kafka, PATIENCE)?.read(&partitions)
}

/// Every partition of the connector's topics. A topic that does not exist has none.
fn all_partitions(pipeline: &PipelineSettings) -> Result<Vec<TopicPartition>, KafkaError> {
    let group = GroupOffsets::new(&pipeline.kafka, PATIENCE)?;
    let topics = match &pipeline.topics {
        Topics::Named(topics) => topics.clone(),
        Topics::Matching(pattern) => {
            let topics = snowgate_kafka::topics(&pipeline.kafka, PATIENCE)?;
            topics.into_iter().filter(|topic| pattern.is_match(topic).unwrap_or(false)).collect()
        }
    };
    let mut partitions = Vec::new();
    for topic in topics {
        match group.partitions(&topic) {
            Ok(of_topic) => partitions.extend(of_topic),
            Err(KafkaError::TopicAbsent { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(partitions)
}

/// Whether each of `partitions` exists.
fn check<'a>(pipeline: &PipelineSettings, partitions: impl Iterator<Item = &'a TopicPartition>) -> Result<(), Failure> {
    let group = GroupOffsets::new(&pipeline.kafka, PATIENCE).map_err(kafka)?;
    let mut known = BTreeMap::new();
    for at in partitions {
        if !known.contains_key(&at.topic) {
            known.insert(at.topic.clone(), group.partitions(&at.topic).map_err(kafka)?.len());
        }
        let count = known[&at.topic];
        if usize::try_from(at.partition).map_or(true, |partition| partition >= count) {
            let (partition, topic) = (at.partition, &at.topic);
            return Err(Failure(format!("topic {topic} has no partition {partition}; it has {count}")));
        }
    }
    Ok(())
}

fn kafka(error: KafkaError) -> Failure {
    Failure(report::trace(&error, error.hint().as_deref()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.expect("questions to Kafka do not panic")
}
