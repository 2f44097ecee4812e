//! The transforms that come with Kafka Connect, held to what the original classes do with 1,025 records.
//!
//! [`Transform::apply`] changes one record. [`Transform::reshape`] does the same to an [`Outline`], which stands for all records of one
//! shape; the text road lives on it, and its tests hold the two to the same result.
//!
//! Invariant: where the original would change a value without a word and the vectors do not ask for it, the value stays.

mod cast;
mod date_format;
mod extract_field;
mod field_path;
mod flatten;
mod header_from;
mod headers;
mod hoist_field;
mod insert_field;
mod keys;
mod mask_field;
pub(crate) mod outline;
mod part;
mod replace_field;
mod routers;
mod schema_cache;
mod set_schema_metadata;
#[cfg(test)]
pub(crate) mod tests;
mod timestamp_converter;
mod value_to_key;

use std::sync::Arc;

use crate::config_def::{ConfigError, ConfigMap, Key};
use crate::data::{ConnectRecord, DataError, SchemaAndValue, Type, Value};
use outline::Outline;
use part::Part;

pub(crate) use keys::{Given, non_empty_string, required};
pub(crate) use routers::valid_regex;

/// One of the 16 transforms, configured. A clone has caches of its own.
#[derive(Debug, Clone)]
pub struct Transform(Form);

#[derive(Debug, Clone)]
enum Form {
    Cast(Part, cast::Cast),
    DropHeaders(headers::DropHeaders),
    ExtractField(Part, extract_field::ExtractField),
    Filter,
    Flatten(Part, flatten::Flatten),
    HeaderFrom(Part, header_from::HeaderFrom),
    HoistField(Part, hoist_field::HoistField),
    InsertField(Part, Arc<insert_field::Insertions>, insert_field::InsertField),
    InsertHeader(headers::InsertHeader),
    MaskField(Part, mask_field::MaskField),
    RegexRouter(routers::RegexRouter),
    ReplaceField(Part, replace_field::ReplaceField),
    SetSchemaMetadata(Part, set_schema_metadata::SetSchemaMetadata),
    TimestampConverter(Part, timestamp_converter::TimestampConverter),
    TimestampRouter(routers::TimestampRouter),
    ValueToKey(value_to_key::ValueToKey),
}

const PREFIX: &str = "org.apache.kafka.connect.transforms.";

/// The full names of all transforms.
pub const CLASSES: &[&str] = &[
    "org.apache.kafka.connect.transforms.Cast$Key",
    "org.apache.kafka.connect.transforms.Cast$Value",
    "org.apache.kafka.connect.transforms.DropHeaders",
    "org.apache.kafka.connect.transforms.ExtractField$Key",
    "org.apache.kafka.connect.transforms.ExtractField$Value",
    "org.apache.kafka.connect.transforms.Filter",
    "org.apache.kafka.connect.transforms.Flatten$Key",
    "org.apache.kafka.connect.transforms.Flatten$Value",
    "org.apache.kafka.connect.transforms.HeaderFrom$Key",
    "org.apache.kafka.connect.transforms.HeaderFrom$Value",
    "org.apache.kafka.connect.transforms.HoistField$Key",
    "org.apache.kafka.connect.transforms.HoistField$Value",
    "org.apache.kafka.connect.transforms.InsertField$Key",
    "org.apache.kafka.connect.transforms.InsertField$Value",
    "org.apache.kafka.connect.transforms.InsertHeader",
    "org.apache.kafka.connect.transforms.MaskField$Key",
    "org.apache.kafka.connect.transforms.MaskField$Value",
    "org.apache.kafka.connect.transforms.RegexRouter",
    "org.apache.kafka.connect.transforms.ReplaceField$Key",
    "org.apache.kafka.connect.transforms.ReplaceField$Value",
    "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key",
    "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
    "org.apache.kafka.connect.transforms.TimestampConverter$Key",
    "org.apache.kafka.connect.transforms.TimestampConverter$Value",
    "org.apache.kafka.connect.transforms.TimestampRouter",
    "org.apache.kafka.connect.transforms.ValueToKey",
];

/// The keys of a transform, in the original's order; `None` where there is no such transform.
pub fn definition(class: &str) -> Option<Vec<Key>> {
    if !CLASSES.contains(&class) {
        return None;
    }
    let (name, _) = name_and_part(class);
    Some(match name {
        "Cast" => cast::keys(),
        "DropHeaders" => headers::drop_keys(),
        "ExtractField" => extract_field::keys(),
        "Flatten" => flatten::keys(),
        "HeaderFrom" => header_from::keys(),
        "HoistField" => hoist_field::keys(),
        "InsertField" => insert_field::keys(),
        "InsertHeader" => headers::insert_keys(),
        "MaskField" => mask_field::keys(),
        "RegexRouter" => routers::regex_keys(),
        "ReplaceField" => replace_field::keys(),
        "SetSchemaMetadata" => set_schema_metadata::keys(),
        "TimestampConverter" => timestamp_converter::keys(),
        "TimestampRouter" => routers::timestamp_keys(),
        "ValueToKey" => value_to_key::keys(),
        _ => Vec::new(),
    })
}

fn name_and_part(class: &str) -> (&str, Part) {
    let name = class.strip_prefix(PREFIX).unwrap_or(class);
    match name.split_once('$') {
        Some((name, "Key")) => (name, Part::Key),
        Some((name, _)) => (name, Part::Value),
        None => (name, Part::Value),
    }
}

impl Transform {
    /// `class` is the full name, with `$Key` or `$Value` where it has those forms.
    pub fn configure(class: &str, config: &ConfigMap) -> Result<Transform, ConfigError> {
        let keys = definition(class).ok_or_else(|| ConfigError::unknown_class("type", class))?;
        let given = Given::read(&keys, config)?;
        let (name, part) = name_and_part(class);
        Ok(Transform(match name {
            "Cast" => Form::Cast(part, cast::Cast::new(&given)?),
            "DropHeaders" => Form::DropHeaders(headers::DropHeaders::new(&given)),
            "ExtractField" => Form::ExtractField(part, extract_field::ExtractField::new(&given)?),
            "Flatten" => Form::Flatten(part, flatten::Flatten::new(&given)),
            "HeaderFrom" => Form::HeaderFrom(part, header_from::HeaderFrom::new(&given)?),
            "HoistField" => Form::HoistField(part, hoist_field::HoistField::new(&given)),
            "InsertField" => {
                Form::InsertField(part, Arc::new(insert_field::Insertions::new(&given)?), insert_field::InsertField::new(&given))
            }
            "InsertHeader" => Form::InsertHeader(headers::InsertHeader::new(&given)?),
            "MaskField" => Form::MaskField(part, mask_field::MaskField::new(&given)),
            "RegexRouter" => Form::RegexRouter(routers::RegexRouter::new(&given)?),
            "ReplaceField" => Form::ReplaceField(part, replace_field::ReplaceField::new(&given)?),
            "SetSchemaMetadata" => Form::SetSchemaMetadata(part, set_schema_metadata::SetSchemaMetadata::new(&given)?),
            "TimestampConverter" => Form::TimestampConverter(part, timestamp_converter::TimestampConverter::new(&given)?),
            "TimestampRouter" => Form::TimestampRouter(routers::TimestampRouter::new(&given)),
            "ValueToKey" => Form::ValueToKey(value_to_key::ValueToKey::new(&given)),
            _ => Form::Filter,
        }))
    }

    /// `None` when the record is dropped.
    pub fn apply(&self, mut record: ConnectRecord) -> Result<Option<ConnectRecord>, DataError> {
        match &self.0 {
            Form::Cast(part, cast) => part.update(&mut record, |data| cast.apply(data))?,
            Form::DropHeaders(drop) => drop.apply(&mut record),
            Form::ExtractField(part, extract) => part.update(&mut record, |data| extract.apply(data))?,
            Form::Filter => return Ok(None),
            Form::Flatten(part, flatten) => part.update(&mut record, |data| flatten.apply(data))?,
            Form::HeaderFrom(part, header_from) => header_from.apply(*part, &mut record)?,
            Form::HoistField(part, hoist) => part.update(&mut record, |data| hoist.apply(data))?,
            Form::InsertField(part, insertions, insert) => insert.apply(*part, insertions, &mut record)?,
            Form::InsertHeader(insert) => insert.apply(&mut record),
            Form::MaskField(part, mask) => part.update(&mut record, |data| mask.apply(data))?,
            Form::RegexRouter(router) => router.apply(&mut record)?,
            Form::ReplaceField(part, replace) => part.update(&mut record, |data| replace.apply(data))?,
            Form::SetSchemaMetadata(part, set) => part.update(&mut record, |data| set.apply(data))?,
            Form::TimestampConverter(part, converter) => part.update(&mut record, |data| converter.apply(data))?,
            Form::TimestampRouter(router) => router.apply(&mut record)?,
            Form::ValueToKey(value_to_key) => value_to_key.apply(&mut record)?,
        }
        Ok(Some(record))
    }

    /// Whether there are outlines that [`Transform::reshape`] takes.
    pub(crate) fn reshapes(&self) -> bool {
        match &self.0 {
            Form::DropHeaders(_) | Form::Filter | Form::InsertHeader(_) | Form::RegexRouter(_) => true,
            Form::Cast(part, _)
            | Form::ExtractField(part, _)
            | Form::Flatten(part, _)
            | Form::HoistField(part, _)
            | Form::InsertField(part, ..)
            | Form::MaskField(part, _)
            | Form::ReplaceField(part, _) => *part == Part::Value,
            Form::HeaderFrom(..)
            | Form::SetSchemaMetadata(..)
            | Form::TimestampConverter(..)
            | Form::TimestampRouter(_)
            | Form::ValueToKey(_) => false,
        }
    }

    /// What [`Transform::apply`] does to all records of one shape that have no schema: says whether they are kept. `None` where that
    /// hangs on what the slots hold, or where they fail.
    pub(crate) fn reshape(&self, outline: &mut Outline) -> Option<bool> {
        match &self.0 {
            _ if !self.reshapes() => return None,
            Form::Cast(_, cast) => cast.reshape(outline)?,
            Form::DropHeaders(drop) => drop.reshape(outline),
            Form::ExtractField(_, extract) => extract.reshape(outline)?,
            Form::Filter => return Some(false),
            Form::Flatten(_, flatten) => flatten.reshape(outline)?,
            Form::HoistField(_, hoist) => hoist.reshape(outline)?,
            Form::InsertField(_, insertions, _) => insertions.reshape(outline)?,
            Form::InsertHeader(insert) => insert.reshape(outline),
            Form::MaskField(_, mask) => mask.reshape(outline)?,
            Form::RegexRouter(router) => router.reshape(outline)?,
            Form::ReplaceField(_, replace) => replace.reshape(outline)?,
            _ => return None,
        }
        Some(true)
    }

    /// Makes a change that [`Transform::reshape`] noted.
    pub(crate) fn change(&self, target: Option<Type>, value: Value) -> Result<Value, DataError> {
        match (&self.0, target) {
            (Form::Cast(_, cast), Some(target)) => cast.cast_plain(value, target),
            (Form::MaskField(_, mask), _) => mask.masked(&value),
            _ => Ok(value),
        }
    }

    /// What [`Transform::change`] makes of a text, where that can be told without holding it.
    pub(crate) fn change_text(&self, target: Option<Type>, text: &str) -> Option<Value> {
        match (&self.0, target) {
            (Form::Cast(..), Some(target)) if target != Type::String => cast::read(text, target),
            (Form::MaskField(_, mask), _) => mask.masked(&Value::String(String::new())).ok(),
            _ => None,
        }
    }

    /// Whether it takes away the header of that name.
    pub(crate) fn drops_header(&self, name: &str) -> bool {
        matches!(&self.0, Form::DropHeaders(drop) if drop.drops(name))
    }

    /// The header that it adds.
    pub(crate) fn inserted_header(&self) -> Option<(&str, &SchemaAndValue)> {
        match &self.0 {
            Form::InsertHeader(insert) => Some(insert.header()),
            _ => None,
        }
    }

    /// Nothing but the topic is changed, and the new one follows from the old one alone.
    pub fn topic_only(&self) -> bool {
        matches!(self.0, Form::RegexRouter(_))
    }

    /// Records of one topic may be given different ones.
    pub fn topic_depends_on_record(&self) -> bool {
        matches!(self.0, Form::TimestampRouter(_))
    }
}
