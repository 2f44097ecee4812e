//! The text road: steps are applied to a record's text, without taking the record apart.
//!
//! Records of one topic tend to have one shape: the same names in the same order, with other values between. A shape is learnt from the
//! first record that has it: its outline goes through the steps, and what they leave of it becomes a pattern with slots for values
//! (`shape.rs`). Every further record of that shape is compared with the text between the values of the first, which is all that there
//! is to validate besides the values themselves, and its values are copied into the pattern.
//!
//! What has no shape, because a step must know a value to go on, or because the record fails somewhere, is left to the full road, which
//! says why. So nothing is rejected here.
//!
//! Invariant: what is written here is what the full road writes, but that a number which no step touches keeps its text.

mod shape;

use std::sync::Arc;

use snowgate_record::{PatternId, Record, TimestampType, scan};

use crate::converter::{Reading, Span, WalkedKeys, read_json, write_walked};
use crate::data::{SchemaAndValue, Type, Value};
use crate::road::text::shape::{End, Shape, Slot};
use crate::road::{Converted, Road, RoadSettings};
use crate::rows;
use crate::smt::outline::{Change, Outline, Source};

/// Shapes that are remembered.
const MAX_SHAPES: usize = 8;
/// Headers that predicates ask for: a bit for each.
const MAX_HEADERS: usize = 32;

#[derive(Debug)]
pub(super) struct TextRoad {
    settings: Arc<RoadSettings>,
    /// What predicates ask for.
    headers: Vec<Arc<str>>,
    /// The one used last stands first.
    shapes: Vec<Shape>,
    /// Where the next one is learnt.
    spare: Shape,
    outline: Outline,
    /// The values of the record that was looked at last.
    leaves: Vec<Span>,
    keys: WalkedKeys,
}

impl Road {
    /// A record through the transforms, in its text; says whether that could be done.
    pub(super) fn by_text(&mut self, record: Record<'_>, out: &mut Converted) -> bool {
        let Some(mut text) = self.text.take() else { return false };
        let done = self.along_the_text(&mut text, record, out).is_some();
        self.text = Some(text);
        done
    }

    fn along_the_text(&mut self, text: &mut TextRoad, record: Record<'_>, out: &mut Converted) -> Option<()> {
        let end = text.look(record)?;
        let has_key = self.write_key(record).ok()?;
        for (name, value) in record.headers() {
            let value = self.read_header(record.topic(), value).ok()?;
            if text.keeps_header(std::str::from_utf8(name).ok()?) {
                self.write_header(&value).ok()?;
            }
        }
        for (_, value) in text.inserted_headers() {
            self.write_header(value).ok()?;
        }
        if end == End::Dropped {
            out.dropped += 1;
            return Some(());
        }
        let (has_value, pattern) = text.write(record, &mut self.pieces.value)?;
        let kept = record.headers().map(|(name, _)| name);
        let kept = kept.filter(|name| std::str::from_utf8(name).is_ok_and(|name| text.keeps_header(name)));
        self.pieces.push_headers(kept.chain(text.inserted_headers().map(|(name, _)| name.as_bytes())), &mut out.records);
        let key = has_key.then_some(self.pieces.key.as_slice());
        let value = has_value.then_some(self.pieces.value.as_slice());
        let timestamp_type = record.timestamp_type();
        let timestamp = if timestamp_type == TimestampType::NotAvailable { -1 } else { record.timestamp() };
        out.records.push(record.offset(), timestamp, timestamp_type, key, value);
        out.written.add(pattern);
        if self.routes {
            out.name_topic(text.shapes[0].routed());
        }
        Some(())
    }
}

impl TextRoad {
    /// `None` where the steps or the converter ask for more.
    pub(super) fn new(settings: &Arc<RoadSettings>) -> Option<TextRoad> {
        let steps = &settings.steps;
        let predicates = steps.iter().filter_map(|step| step.predicate.as_ref());
        let headers: Vec<Arc<str>> = predicates.filter_map(|predicate| predicate.header().cloned()).collect();
        let can = settings.value.is_plain_json() && headers.len() <= MAX_HEADERS;
        (can && steps.iter().all(|step| step.transform.reshapes())).then(|| TextRoad {
            settings: settings.clone(),
            headers,
            shapes: Vec::with_capacity(MAX_SHAPES),
            spare: Shape::default(),
            outline: Outline::default(),
            leaves: Vec::new(),
            keys: WalkedKeys::default(),
        })
    }

    /// Finds or learns the shape of `record`, and where its values stand. Says what becomes of the record; what follows is about it.
    fn look(&mut self, record: Record<'_>) -> Option<End> {
        let text = record.value()?;
        if !text.is_ascii() {
            std::str::from_utf8(text).ok()?;
        }
        let variant = self.variant(record);
        let (leaves, keys) = (&mut self.leaves, &mut self.keys);
        leaves.clear();
        let found = self.shapes.iter().position(|shape| shape.is_for(record.topic(), variant) && shape.fits(text, leaves, keys));
        match found {
            Some(0) => {}
            Some(found) => self.shapes[..=found].rotate_right(1),
            None => self.learn(record, text, variant)?,
        }
        let shape = &self.shapes[0];
        let end = shape.end()?;
        for change in shape.lost_changes() {
            self.value(record, text, shape.change(*change).source, Some(*change))?;
        }
        Some(end)
    }

    /// What of a record, besides its text, decides what the steps do: which headers it has, and whether it has a timestamp.
    fn variant(&self, record: Record<'_>) -> u64 {
        let mut variant = u64::from(has_timestamp(record));
        for (index, asked) in self.headers.iter().enumerate() {
            let has = record.headers().any(|(name, _)| name == asked.as_bytes());
            variant |= u64::from(has) << (index + 1);
        }
        variant
    }

    #[cold]
    fn learn(&mut self, record: Record<'_>, text: &[u8], variant: u64) -> Option<()> {
        let outline = &mut self.outline;
        outline.clear();
        self.spare.read(text, outline, &mut self.leaves, &mut self.keys)?;
        outline.has_timestamp = has_timestamp(record);
        let has = |index: usize| variant >> (index + 1) & 1 == 1;
        outline.headers.extend(self.headers.iter().enumerate().map(|(index, name)| (name.clone(), has(index))));
        if *outline.topic != *record.topic() {
            outline.topic = record.topic().into();
        }
        let topic = outline.topic.clone();
        let end = reshape(&self.settings, outline);
        let routed = std::mem::replace(&mut outline.topic, topic.clone());
        self.spare.learn(topic, routed, variant, end, outline, self.settings.line);
        if self.shapes.len() < MAX_SHAPES {
            self.shapes.push(Shape::default());
        }
        self.shapes.rotate_right(1);
        std::mem::swap(&mut self.shapes[0], &mut self.spare);
        Some(())
    }

    /// Writes the value. Says whether there is one, and the pattern when only scalars were put into it.
    fn write(&self, record: Record<'_>, out: &mut Vec<u8>) -> Option<(bool, Option<PatternId>)> {
        let text = record.value()?;
        let shape = &self.shapes[0];
        out.reserve(text.len() + shape.fixed_bytes());
        let mut are_scalars = true;
        for (before, slot) in shape.slots() {
            before.append_to(out);
            if let Source::Leaf(index) = slot.source {
                are_scalars &= text[self.leaves[index].start] != b'[';
            }
            match *slot {
                Slot { source: Source::Leaf(index), change: None } => match self.leaves[index] {
                    leaf if leaf.as_is => scan::append_part(text, leaf.start, leaf.end, out),
                    leaf => write_walked(leaf.of(text), out),
                },
                Slot { source: Source::Leaf(index), change: Some(change) } if self.casts_to_text(text, index, change, out) => {}
                Slot { source, change } => {
                    let value = self.value(record, text, source, change)?;
                    rows::write(self.settings.line, &SchemaAndValue { schema: None, value }, out).ok()?;
                }
            }
        }
        out.extend_from_slice(shape.rest());
        let has_value = shape.end() == Some(End::Object) || *out != b"null";
        Some((has_value, shape.pattern_id().filter(|_| are_scalars)))
    }

    /// What a slot holds, after its last change.
    fn value(&self, record: Record<'_>, text: &[u8], source: Source, change: Option<usize>) -> Option<Value> {
        let Some(change) = change else {
            return Some(match source {
                Source::Leaf(index) => read_json(self.leaves[index].of(text), Reading::PLAIN).ok()??,
                Source::Partition => Value::Int32(record.partition()),
                Source::Offset => Value::Int64(record.offset().get()),
                Source::Timestamp => Value::Int64(record.timestamp()),
            });
        };
        let Change { step, target, before, .. } = self.shapes[0].change(change);
        let transform = &self.settings.steps[step].transform;
        if let (Source::Leaf(index), None) = (source, before)
            && let Some(value) = plain_text(self.leaves[index], text).and_then(|text| transform.change_text(target, text))
        {
            return Some(value);
        }
        let value = self.value(record, text, source, before)?;
        transform.change(target, value).ok()
    }

    /// Writes what a cast to text makes of a value, where that is no more than its quotes; says whether it is.
    fn casts_to_text(&self, text: &[u8], index: usize, change: usize, out: &mut Vec<u8>) -> bool {
        let leaf = self.leaves[index];
        let text = leaf.of(text);
        let Change { target: Some(Type::String), before: None, .. } = self.shapes[0].change(change) else { return false };
        let quoted = match text {
            b"true" | b"false" => true,
            [b'1'..=b'9', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        match text {
            [b'"' | b'n', ..] if leaf.as_is => out.extend_from_slice(text),
            _ if quoted => {
                out.push(b'"');
                out.extend_from_slice(text);
                out.push(b'"');
            }
            _ => return false,
        }
        true
    }

    /// Whether a header that the record came with is left by the steps.
    fn keeps_header(&self, name: &str) -> bool {
        self.survives(name, self.shapes[0].header_steps())
    }

    /// The headers that the steps added and left.
    fn inserted_headers(&self) -> impl Iterator<Item = (&str, &SchemaAndValue)> {
        let steps = self.shapes[0].header_steps();
        let inserted = steps.iter().enumerate().filter_map(move |(index, step)| {
            let header = self.settings.steps[*step].transform.inserted_header()?;
            Some((header, &steps[index + 1..]))
        });
        inserted.filter(move |((name, _), later)| self.survives(name, later)).map(|(header, _)| header)
    }

    fn survives(&self, name: &str, steps: &[usize]) -> bool {
        !steps.iter().any(|step| self.settings.steps[*step].transform.drops_header(name))
    }
}

/// What a string says, where it says it without escapes.
fn plain_text(leaf: Span, text: &[u8]) -> Option<&str> {
    let inner = leaf.of(text).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(inner).ok().filter(|inner| !inner.contains('\\'))
}

fn has_timestamp(record: Record<'_>) -> bool {
    record.timestamp_type() != TimestampType::NotAvailable
}

/// Takes an outline through the steps: says whether what is left of it is kept.
fn reshape(settings: &RoadSettings, outline: &mut Outline) -> Option<bool> {
    for (index, step) in settings.steps.iter().enumerate() {
        outline.step = index;
        let wanted = match &step.predicate {
            Some(predicate) => predicate.foresee(outline)? != step.negate,
            None => true,
        };
        if wanted && !step.transform.reshape(outline)? {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests;
