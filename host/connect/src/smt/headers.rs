//! `DropHeaders` and `InsertHeader`.

use std::sync::Arc;

use crate::config_def::{ConfigError, Importance, Key, Kind};
use crate::converter::HeaderConverter;
use crate::data::{ConnectRecord, SchemaAndValue};
use crate::smt::keys::{ANY_NON_EMPTY, Given, non_null, required};
use crate::smt::outline::Outline;

pub(super) fn drop_keys() -> Vec<Key> {
    vec![required("headers", Kind::List, Importance::High, "The names of the headers to take away.").validated(ANY_NON_EMPTY)]
}

#[derive(Debug, Clone)]
pub(super) struct DropHeaders {
    names: Arc<[String]>,
}

impl DropHeaders {
    pub(super) fn new(given: &Given) -> DropHeaders {
        DropHeaders { names: given.list("headers").into() }
    }

    pub(super) fn apply(&self, record: &mut ConnectRecord) {
        record.headers.retain(|(name, _)| !self.names.contains(name));
    }

    pub(super) fn reshape(&self, outline: &mut Outline) {
        outline.headers.iter_mut().for_each(|(name, has)| *has &= !self.drops(name));
        outline.header_steps.push(outline.step);
    }

    pub(super) fn drops(&self, name: &str) -> bool {
        self.names.iter().any(|dropped| dropped == name)
    }
}

pub(super) fn insert_keys() -> Vec<Key> {
    vec![
        required("header", Kind::String, Importance::High, "The name of the header that every record is given.")
            .validated(non_null),
        required("value.literal", Kind::String, Importance::High, "The header's value. Its type is read out of the text.")
            .validated(non_null),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct InsertHeader {
    name: Arc<str>,
    value: Arc<SchemaAndValue>,
}

impl InsertHeader {
    pub(super) fn new(given: &Given) -> Result<InsertHeader, ConfigError> {
        let literal = given.string("value.literal");
        let value = HeaderConverter::Simple.to_connect("", Some(literal.as_bytes())).map_err(|error| ConfigError(error.message))?;
        Ok(InsertHeader { name: given.string("header").into(), value: Arc::new(value) })
    }

    pub(super) fn apply(&self, record: &mut ConnectRecord) {
        record.headers.push((self.name.to_string(), SchemaAndValue::clone(&self.value)));
    }

    pub(super) fn reshape(&self, outline: &mut Outline) {
        outline.headers.iter_mut().for_each(|(name, has)| *has |= *name == self.name);
        outline.header_steps.push(outline.step);
    }

    pub(super) fn header(&self) -> (&str, &SchemaAndValue) {
        (&self.name, &self.value)
    }
}
