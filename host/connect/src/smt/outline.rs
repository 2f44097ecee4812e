//! A record of which only the names are known: what the transforms do to all records of one shape, done once.
//!
//! Where a record has a text, a number, a flag, null or an array, its outline has a slot that says where the value comes from. A
//! transform reshapes the outline as it would change the record. What depends on a slot's value, such as a cast, is noted as a
//! [`Change`] to be made record by record.
//!
//! Reshaping ends in `None` where a transform must know what a slot holds, and where the original would fail: such a record has to be
//! taken apart.
//!
//! Invariant: no object holds a name twice.

use std::sync::Arc;

use crate::data::{DataError, Type, Value};

/// Fields of one record, at any time. Each new one is compared with those around it.
const MAX_FIELDS: usize = 1024;
/// Bytes of all names together.
const MAX_NAMES: usize = 1 << 16;

#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Of the whole value.
    pub(crate) root: Content,
    fields: Vec<Field>,
    names: String,
    constants: Vec<Value>,
    changes: Vec<Change>,
    pub(crate) topic: Arc<str>,
    pub(crate) has_timestamp: bool,
    /// Headers that predicates ask for, and whether the record has them.
    pub(crate) headers: Vec<(Arc<str>, bool)>,
    /// The transform that reshapes, by its place in the chain.
    pub(crate) step: usize,
    /// The transforms, in order, that inserted or dropped a header.
    pub(crate) header_steps: Vec<usize>,
}

/// The fields of an object, as a chain in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    first: Option<u32>,
    last: Option<u32>,
    /// A bit for each kind of name that was seen; no bit, no such name.
    seen: u128,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: Name,
    pub(crate) content: Content,
    pub(crate) next: Option<u32>,
    /// Names that differ here are not the same.
    kind: u32,
}

/// Where a name stands among all names.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Name {
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Object(Chain),
    /// Not known; the last of the changes to make to it.
    Slot(Source, Option<usize>),
    /// Known.
    Constant(usize),
}

/// Where a slot's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The record's text: the value that comes so many after its first.
    Leaf(usize),
    Partition,
    Offset,
    Timestamp,
}

/// What a transform does to a slot's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    /// The transform, by its place in the chain.
    pub(crate) step: usize,
    /// Of a cast.
    pub(crate) target: Option<Type>,
    pub(crate) source: Source,
    /// The change before.
    pub(crate) before: Option<usize>,
}

impl Default for Content {
    fn default() -> Content {
        Content::Object(Chain::default())
    }
}

impl Name {
    pub(crate) const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

impl Chain {
    pub(crate) const fn first(self) -> Option<u32> {
        self.first
    }
}

impl Outline {
    pub(crate) fn clear(&mut self) {
        self.root = Content::default();
        self.fields.clear();
        self.names.clear();
        self.constants.clear();
        self.changes.clear();
        self.headers.clear();
        self.header_steps.clear();
    }

    pub(crate) fn text(&self, name: Name) -> &str {
        &self.names[name.start..name.end]
    }

    pub(crate) fn field(&self, at: u32) -> Field {
        self.fields[at as usize]
    }

    pub(crate) fn constant(&self, index: usize) -> &Value {
        &self.constants[index]
    }

    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// A name that `write` appends to all names.
    pub(crate) fn name(&mut self, write: impl FnOnce(&mut String) -> Option<()>) -> Option<Name> {
        let start = self.names.len();
        write(&mut self.names)?;
        let end = self.names.len();
        (end <= MAX_NAMES).then_some(Name { start, end })
    }

    pub(crate) fn name_of(&mut self, text: &str) -> Option<Name> {
        self.name(|names| {
            names.push_str(text);
            Some(())
        })
    }

    /// `first`, `delimiter` and `second` as one name.
    pub(super) fn joined(&mut self, first: Name, delimiter: &str, second: Name) -> Option<Name> {
        self.name(|names| {
            names.extend_from_within(first.start..first.end);
            names.push_str(delimiter);
            names.extend_from_within(second.start..second.end);
            Some(())
        })
    }

    pub(crate) fn constant_of(&mut self, value: Value) -> Content {
        self.constants.push(value);
        Content::Constant(self.constants.len() - 1)
    }

    /// The fields of the value: `Some(None)` where the value is null.
    pub(crate) fn root_fields(&self) -> Option<Option<Chain>> {
        match self.root {
            Content::Object(fields) => Some(Some(fields)),
            Content::Constant(index) if self.constants[index].is_null() => Some(None),
            _ => None,
        }
    }

    pub(crate) fn find(&self, fields: Chain, name: &str) -> Option<u32> {
        let kind = kind(name);
        if fields.seen & bit(kind) == 0 {
            return None;
        }
        let mut next = fields.first;
        while let Some(at) = next {
            let field = &self.fields[at as usize];
            if field.kind == kind && self.text(field.name) == name {
                return Some(at);
            }
            next = field.next;
        }
        None
    }

    pub(super) fn set(&mut self, at: u32, content: Content) {
        self.fields[at as usize].content = content;
    }

    /// In the place of the field with that name, or at the end.
    pub(super) fn put(&mut self, fields: &mut Chain, name: Name, content: Content) -> Option<()> {
        match self.find(*fields, self.text(name)) {
            Some(at) => {
                self.set(at, content);
                Some(())
            }
            None => self.push(fields, name, content),
        }
    }

    /// At the end; there is no field with that name.
    pub(crate) fn push(&mut self, fields: &mut Chain, name: Name, content: Content) -> Option<()> {
        let at = u32::try_from(self.fields.len()).ok().filter(|_| self.fields.len() < MAX_FIELDS)?;
        let kind = kind(self.text(name));
        self.fields.push(Field { name, content, next: None, kind });
        match fields.last {
            Some(last) => self.fields[last as usize].next = Some(at),
            None => fields.first = Some(at),
        }
        fields.last = Some(at);
        fields.seen |= bit(kind);
        Some(())
    }

    /// Puts a value that is known.
    pub(super) fn put_constant(&mut self, fields: &mut Chain, name: &str, value: Value) -> Option<()> {
        let name = self.name_of(name)?;
        let content = self.constant_of(value);
        self.put(fields, name, content)
    }

    /// `content` changed: at once where it is known, later where it is a slot. An object is for the transform to decide.
    pub(super) fn changed(
        &mut self,
        content: Content,
        target: Option<Type>,
        change: impl FnOnce(Value) -> Result<Value, DataError>,
    ) -> Option<Content> {
        match content {
            Content::Object(_) => None,
            Content::Constant(index) => {
                let value = change(self.constants[index].clone()).ok()?;
                Some(self.constant_of(value))
            }
            Content::Slot(source, before) => {
                self.changes.push(Change { step: self.step, target, source, before });
                Some(Content::Slot(source, Some(self.changes.len() - 1)))
            }
        }
    }
}

/// By how long a name is and how it begins and ends.
fn kind(name: &str) -> u32 {
    let name = name.as_bytes();
    let middle = name.get(name.len() / 2).copied().unwrap_or(0);
    u32::from_le_bytes([name.len() as u8, name.first().copied().unwrap_or(0), middle, name.last().copied().unwrap_or(0)])
}

/// One of 128 bits, by which most names of one record differ.
fn bit(kind: u32) -> u128 {
    1 << (kind.wrapping_mul(0x9e37_79b1) >> 25)
}
