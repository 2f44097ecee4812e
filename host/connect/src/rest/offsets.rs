//! Offsets, seen and moved. Moving them is real: the channels' tokens move with the group's offsets.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::body::{Document, Fields, list, missing, object, text, unrecognized};
use super::errors::ApiError;
use super::path::Segments;
use super::shapes::{Message, Offsets};
use super::{at, carried};
use crate::engine::{Engine, OffsetChange};
use crate::herder::Herder;

const OFFSETS: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets";
const OFFSET: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset";
const OBJECTS: &str = "java.util.LinkedHashMap<java.lang.String,java.lang.Object>";

pub(super) fn routes<E: Engine>() -> Router<Arc<Herder<E>>> {
    at("/connectors/{name}/offsets", "HEAD, DELETE, GET, OPTIONS, PATCH", get(offsets).patch(alter).delete(reset))
}

type Shared<E> = State<Arc<Herder<E>>>;

async fn offsets<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<Json<Offsets>, ApiError> {
    let offsets = carried(async move { herder.offsets(&name).await }).await?;
    Ok(Json(offsets.into()))
}

async fn alter<E: Engine>(
    State(herder): Shared<E>,
    Segments(name): Segments<String>,
    document: Document,
) -> Result<Json<Message>, ApiError> {
    let entries = entries(&document)?;
    // The connector is looked at before what is asked of it.
    herder.movable(&name)?;
    let changes = changes(entries)?;
    carried(async move { herder.alter_offsets(&name, changes).await }).await?;
    Ok(Json(Message { message: "The offsets for this connector have been altered successfully" }))
}

async fn reset<E: Engine>(State(herder): Shared<E>, Segments(name): Segments<String>) -> Result<Json<Message>, ApiError> {
    carried(async move { herder.reset_offsets(&name).await }).await?;
    Ok(Json(Message { message: "The offsets for this connector have been reset successfully" }))
}

/// One partition with its offset, as given.
struct Entry<'a> {
    partition: Option<Fields<'a>>,
    offset: Option<Fields<'a>>,
}

fn entries(document: &Document) -> Result<Vec<Entry<'_>>, ApiError> {
    let Some(fields) = document.object(OFFSETS)? else {
        return Err(missing(&format!("{OFFSETS}.offsets()"), "offsets"));
    };
    let mut entries = Vec::new();
    for (field, raw) in fields {
        if field != "offsets" {
            return Err(unrecognized(&field, OFFSETS, "one known property: \"offsets\""));
        }
        let items = list(raw, &format!("java.util.ArrayList<{OFFSET}>"))?.unwrap_or_default();
        entries = items.into_iter().map(entry).collect::<Result<_, _>>()?;
    }
    if entries.is_empty() {
        return Err(ApiError::refused("Partitions / offsets need to be provided for an alter offsets request"));
    }
    Ok(entries)
}

fn entry(raw: &RawValue) -> Result<Entry<'_>, ApiError> {
    let mut entry = Entry { partition: None, offset: None };
    for (field, raw) in object(raw, OFFSET)?.unwrap_or_default() {
        match &*field {
            "partition" => entry.partition = object(raw, OBJECTS)?,
            "offset" => entry.offset = object(raw, OBJECTS)?,
            _ => return Err(unrecognized(&field, OFFSET, "2 known properties: \"offset\", \"partition\"")),
        }
    }
    Ok(entry)
}

/// Of a partition given twice the last offset counts.
fn changes(entries: Vec<Entry<'_>>) -> Result<Vec<OffsetChange>, ApiError> {
    let mut changes = IndexMap::new();
    for Entry { partition, offset } in entries {
        let partition =
            partition.ok_or_else(|| ApiError::refused("The partition for a sink connector offset cannot be null or missing"))?;
        let (Some(topic), Some(number)) = (partition.get("kafka_topic"), partition.get("kafka_partition")) else {
            let message = "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'";
            return Err(ApiError::refused(message));
        };
        let number = shown(number);
        let number: i32 = number.parse().map_err(|_| {
            ApiError::refused(format!(
                "Failed to parse the following Kafka partition value in the provided offsets: '{number}'. Partition values for sink connectors need to be integers."
            ))
        })?;
        let offset = offset.map(next_offset).transpose()?;
        changes.insert((shown(topic), number), offset);
    }
    Ok(changes.into_iter().map(|((topic, partition), offset)| OffsetChange { topic, partition, offset }).collect())
}

fn next_offset(offset: Fields<'_>) -> Result<i64, ApiError> {
    let Some(number) = offset.get("kafka_offset") else {
        return Err(ApiError::refused("The offset for a sink connector should either be null or contain the key 'kafka_offset'"));
    };
    let number = shown(number);
    number.parse().map_err(|_| {
        ApiError::refused(format!(
            "Failed to parse the following Kafka offset value in the provided offsets: '{number}'. Offset values for sink connectors need to be integers."
        ))
    })
}

/// A value as Java shows it; the text of text.
fn shown(raw: &RawValue) -> String {
    text(raw).ok().flatten().unwrap_or_else(|| raw.get().to_owned())
}
