//! A shape: the text between the values of a record, and the text between the values of what the steps make of it.

use std::sync::Arc;

use snowgate_record::PatternId;
use snowgate_record::scan::{Scanner, Text};

use crate::converter::{JsonReader, Span, WalkedKeys};
use crate::data::SchemaAndValue;
use crate::rows;
use crate::settings::Line;
use crate::smt::outline::{Chain, Change, Content, Outline, Source};

/// Bytes of text between the values of a record.
const MAX_BETWEEN: usize = 1 << 16;

/// What becomes of all records of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Object,
    /// Perhaps null, which makes a tombstone.
    Any,
    Dropped,
}

/// A place for a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) source: Source,
    /// The last of the changes to make to it.
    pub(super) change: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Shape {
    topic: Arc<str>,
    /// What the steps make of the topic.
    routed: Arc<str>,
    variant: u64,
    /// `None` where such records take the full road.
    end: Option<End>,
    /// What stands before each value of the record, and after the last.
    between: Pieces,
    /// What stands before each value of what is written, and after the last.
    pattern: Pieces,
    pattern_id: Option<PatternId>,
    slots: Vec<Slot>,
    changes: Vec<Change>,
    /// Those that no slot shows, for its field was taken away. They may fail nevertheless.
    lost_changes: Vec<usize>,
    header_steps: Vec<usize>,
}

/// Texts with something between them.
#[derive(Debug, Default)]
struct Pieces {
    /// All but the last.
    before: Vec<Text>,
    last: Vec<u8>,
    /// Of all but the last.
    bytes: usize,
}

impl Shape {
    pub(super) fn is_for(&self, topic: &str, variant: u64) -> bool {
        self.variant == variant && *self.topic == *topic
    }

    pub(super) fn routed(&self) -> &Arc<str> {
        &self.routed
    }

    /// Whether a record has this shape; finds its values. `leaves` are those that were found while another shape was tried: as far as
    /// the two shapes are the same they need not be found again.
    #[inline]
    pub(super) fn fits(&self, text: &[u8], leaves: &mut Vec<Span>, keys: &mut WalkedKeys) -> bool {
        let end_of = |leaves: &[Span]| leaves.last().map_or(0, |leaf| leaf.end);
        let pieces = &self.between.before;
        let is_same = |index: &usize| text[end_of(&leaves[..*index])..leaves[*index].start] == *pieces[*index].as_bytes();
        let same = (0..pieces.len().min(leaves.len())).take_while(is_same).count();
        leaves.truncate(same);
        let mut at = end_of(leaves);
        let mut scanner = Scanner::new(text);
        for piece in &pieces[same..] {
            let Some(leaf) = piece.past(text, at).and_then(|start| leaf(text, start, &mut scanner, keys)) else { return false };
            at = leaf.end;
            leaves.push(leaf);
        }
        text[at..].starts_with(&self.between.last)
    }

    /// Reads a record as an outline. `None` where it is no object, or one for the full road.
    pub(super) fn read(&mut self, text: &[u8], outline: &mut Outline, leaves: &mut Vec<Span>, keys: &mut WalkedKeys) -> Option<()> {
        self.between.clear();
        leaves.clear();
        let mut reader = JsonReader::walk(text, 0);
        if !reader.begins_object() {
            return None;
        }
        let mut reading = OutlineReader { reader, text, read: 0, between: &mut self.between, outline, leaves, keys };
        let root = reading.object()?;
        let (read, end) = (reading.read, reading.reader.at());
        outline.root = Content::Object(root);
        self.between.push(&text[read..end]);
        (self.between.bytes() <= MAX_BETWEEN).then_some(())
    }

    /// Makes a pattern of what steps left of the outline, if they `kept` it.
    pub(super) fn learn(
        &mut self,
        topic: Arc<str>,
        routed: Arc<str>,
        variant: u64,
        kept: Option<bool>,
        outline: &Outline,
        line: Line,
    ) {
        self.topic = topic;
        self.routed = routed;
        self.variant = variant;
        self.pattern.clear();
        self.slots.clear();
        self.changes.clear();
        self.changes.extend_from_slice(outline.changes());
        self.header_steps.clear();
        self.header_steps.extend_from_slice(&outline.header_steps);
        self.end = match (kept, outline.root) {
            (None, _) => None,
            (Some(false), _) => Some(End::Dropped),
            (Some(true), Content::Object(_)) => Some(End::Object),
            (Some(true), _) => Some(End::Any),
        };
        if kept == Some(true) && self.write(outline, outline.root, line).is_none() {
            self.end = None;
        }
        self.pattern_id = (self.end == Some(End::Object)).then(PatternId::unique);
        self.lost_changes.clear();
        let before = |index: &usize| self.changes[*index].before;
        let shown = |change: usize| {
            self.slots.iter().any(|slot| std::iter::successors(slot.change, before).any(|earlier| earlier == change))
        };
        self.lost_changes.extend((0..self.changes.len()).filter(|change| !shown(*change)));
    }

    fn write(&mut self, outline: &Outline, content: Content, line: Line) -> Option<()> {
        match content {
            Content::Object(fields) => {
                let mut before = b'{';
                let mut next = fields.first();
                while let Some(at) = next {
                    let field = outline.field(at);
                    next = field.next;
                    self.pattern.push(&[before]);
                    rows::write_text(outline.text(field.name), &mut self.pattern.last);
                    self.pattern.push(b":");
                    self.write(outline, field.content, line)?;
                    before = b',';
                }
                if before == b'{' {
                    self.pattern.push(&[before]);
                }
                self.pattern.push(b"}");
            }
            Content::Constant(index) => {
                let value = outline.constant(index).clone();
                rows::write(line, &SchemaAndValue { schema: None, value }, &mut self.pattern.last).ok()?;
            }
            Content::Slot(source, change) => {
                self.pattern.cut();
                self.slots.push(Slot { source, change });
            }
        }
        Some(())
    }

    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// The pattern's, where what it writes is an object.
    pub(super) fn pattern_id(&self) -> Option<PatternId> {
        self.pattern_id
    }

    /// The slots, each with the text before it.
    pub(super) fn slots(&self) -> impl Iterator<Item = (&Text, &Slot)> {
        self.pattern.before.iter().zip(&self.slots)
    }

    /// The text after the last slot.
    pub(super) fn rest(&self) -> &[u8] {
        &self.pattern.last
    }

    /// What of a value the pattern writes itself.
    pub(super) fn fixed_bytes(&self) -> usize {
        self.pattern.bytes()
    }

    pub(super) fn change(&self, index: usize) -> Change {
        self.changes[index]
    }

    pub(super) fn lost_changes(&self) -> &[usize] {
        &self.lost_changes
    }

    pub(super) fn header_steps(&self) -> &[usize] {
        &self.header_steps
    }
}

impl Pieces {
    fn clear(&mut self) {
        self.before.clear();
        self.last.clear();
        self.bytes = 0;
    }

    fn push(&mut self, text: &[u8]) {
        self.last.extend_from_slice(text);
    }

    /// Ends a piece.
    fn cut(&mut self) {
        self.before.push(Text::new(&self.last));
        self.bytes += self.last.len();
        self.last.clear();
    }

    fn bytes(&self) -> usize {
        self.bytes + self.last.len()
    }
}

/// The value that begins at `start`, where it is no object. Most are a string without escapes, whose end the scanner knows.
#[inline(always)]
fn leaf(text: &[u8], start: usize, scanner: &mut Scanner<'_>, keys: &mut WalkedKeys) -> Option<Span> {
    if text.get(start) == Some(&b'"') {
        let end = scanner.find(start + 1);
        if text.get(end) == Some(&b'"') {
            return Some(Span { start, end: end + 1, as_is: true });
        }
    }
    JsonReader::walk(text, start).leaf(keys).ok()
}

struct OutlineReader<'a, 'b> {
    reader: JsonReader<'a>,
    text: &'a [u8],
    /// Up to here the text is in a piece or a value.
    read: usize,
    between: &'b mut Pieces,
    outline: &'b mut Outline,
    leaves: &'b mut Vec<Span>,
    keys: &'b mut WalkedKeys,
}

impl OutlineReader<'_, '_> {
    fn object(&mut self) -> Option<Chain> {
        let mut fields = Chain::default();
        if !self.reader.enter().ok()? {
            return Some(fields);
        }
        loop {
            let name = self.outline.name(|names| self.reader.member(names).ok())?;
            if self.outline.find(fields, self.outline.text(name)).is_some() {
                return None;
            }
            let content = if self.reader.begins_object() { Content::Object(self.object()?) } else { self.leaf()? };
            self.outline.push(&mut fields, name, content)?;
            if !self.reader.goes_on_or_leaves().ok()? {
                return Some(fields);
            }
        }
    }

    fn leaf(&mut self) -> Option<Content> {
        let leaf = self.reader.leaf(self.keys).ok()?;
        self.between.push(&self.text[self.read..leaf.start]);
        self.between.cut();
        self.read = leaf.end;
        self.leaves.push(leaf);
        Some(Content::Slot(Source::Leaf(self.leaves.len() - 1), None))
    }
}
