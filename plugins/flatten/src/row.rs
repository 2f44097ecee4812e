//! The fields of a record as they go into the row.
//!
//! Most records of a topic have the same fields in the same order. So the steps that the walk through the last record took are kept,
//! with the names that came of them: as far as the next record goes the same way, nothing is joined, escaped or compared again.

use std::ops::Range;

use snowgate_plugin::Reject;
use snowgate_plugin::json::{Pieces, Scanner, same, write_string};

use super::{Arrays, Collisions, Config};

/// The deepest record that is looked into, as deep as most who read JSON go. It bounds the plugin's stack.
pub(crate) const DEEPEST: usize = 128;

/// The row of the record at hand.
#[derive(Default)]
pub(crate) struct Row {
    steps: Vec<Step>,
    /// How many of the steps the record at hand has taken.
    taken: usize,
    /// Keys and names of the steps, one after another.
    texts: Vec<u8>,
    /// What the steps' names come to; `None` while the steps are not those that were looked at.
    names: Option<Names>,
}

/// What names come to.
pub(crate) struct Names {
    /// One that comes twice, in quotes, unless that may be.
    pub(crate) twice: Option<String>,
    /// How many fields are left out, for another has their name.
    pub(crate) lost: u64,
    /// Whether the row is the record.
    pub(crate) flat: bool,
}

/// A key of an object, or an element of an array.
struct Step {
    /// The step whose inside this is.
    outer: Option<usize>,
    kind: Kind,
    /// As in the record, its escapes resolved.
    key: Range<usize>,
    /// What goes before the value: `,"a_b":`. Of a step that is gone into, its joined names.
    name: Range<usize>,
    /// Where the record at hand has it.
    value: Range<usize>,
    /// Another field of this name stands.
    lost: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Is gone into.
    Inner,
    /// Goes into the row as it is written.
    Plain,
    /// Goes into the row as text.
    Text,
    /// Goes.
    Dropped,
}

impl Row {
    /// Takes the fields of the object that stands next.
    pub(crate) fn walk<'a>(&mut self, scan: Scanner<'a>, config: &Config) -> Result<Scanner<'a>, Reject> {
        self.taken = 0;
        let scan = self.object(scan, config, None, 0)?;
        self.forget();
        Ok(scan)
    }

    /// Says what the names come to.
    pub(crate) fn names(&mut self, collisions: Collisions) -> &Names {
        if self.names.is_none() {
            self.names = Some(self.look_at_names(collisions));
        }
        self.names.as_ref().expect("they were looked at just now")
    }

    /// Appends the row of `record`, which is the one that was walked.
    pub(crate) fn write(&self, record: &[u8], out: &mut Vec<u8>) {
        let mut row = Pieces::new(out);
        // Before the first field stands no comma.
        let mut skip = 1;
        row.start_of(b"{", 1);
        for step in self.steps.iter().filter(|step| step.is_field() && !step.lost) {
            row.part(&self.texts, step.name.start + skip..step.name.end);
            skip = 0;
            if step.kind == Kind::Text {
                let mut text = Vec::new();
                write_string(&mut text, &record[step.value.clone()]);
                row.long(&text);
            } else {
                row.part(record, step.value.clone());
            }
        }
        row.start_of(b"}", 1);
        row.finish();
    }

    fn object<'a>(
        &mut self,
        mut scan: Scanner<'a>,
        config: &Config,
        outer: Option<usize>,
        depth: usize,
    ) -> Result<Scanner<'a>, Reject> {
        scan.enter()?;
        while let Some(key) = scan.key()? {
            scan = self.step(&key, scan, config, outer, depth)?;
        }
        Ok(scan)
    }

    fn array<'a>(
        &mut self,
        mut scan: Scanner<'a>,
        config: &Config,
        outer: Option<usize>,
        depth: usize,
    ) -> Result<Scanner<'a>, Reject> {
        scan.enter_array()?;
        let mut index = 0;
        while scan.element()? {
            scan = self.step(index.to_string().as_bytes(), scan, config, outer, depth)?;
            index += 1;
        }
        Ok(scan)
    }

    /// Takes the value that stands next, `depth` objects and arrays deep.
    fn step<'a>(
        &mut self,
        key: &[u8],
        mut scan: Scanner<'a>,
        config: &Config,
        outer: Option<usize>,
        depth: usize,
    ) -> Result<Scanner<'a>, Reject> {
        let goes_in = config.max_depth.is_none_or(|deepest| depth < deepest);
        let first = scan.peek();
        let kind = match (first, config.arrays) {
            (Some(b'{'), _) | (Some(b'['), Arrays::Index) if goes_in => Kind::Inner,
            (Some(b'['), Arrays::Text) => Kind::Text,
            (Some(b'['), Arrays::Drop) => Kind::Dropped,
            _ => Kind::Plain,
        };
        let index = self.taken;
        let known = |step: &Step| step.kind == kind && step.outer == outer && same(&self.texts[step.key.clone()], key);
        if !self.steps.get(index).is_some_and(known) {
            self.forget();
            self.learn(key, kind, &config.delimiter, outer);
        }
        self.taken += 1;
        if kind != Kind::Inner {
            self.steps[index].value = scan.raw_range()?;
            return Ok(scan);
        }
        if depth == DEEPEST {
            return Err(format!("the record is nested deeper than {DEEPEST} levels").into());
        }
        match first {
            Some(b'{') => self.object(scan, config, Some(index), depth + 1),
            _ => self.array(scan, config, Some(index), depth + 1),
        }
    }

    /// Forgets the steps that the record at hand has not taken.
    fn forget(&mut self) {
        if let Some(step) = self.steps.get(self.taken) {
            self.texts.truncate(step.key.start);
            self.steps.truncate(self.taken);
            self.names = None;
        }
    }

    #[inline(never)]
    fn learn(&mut self, key: &[u8], kind: Kind, delimiter: &str, outer: Option<usize>) {
        let mut joined = Vec::new();
        if let Some(outer) = outer {
            joined.extend_from_slice(&self.texts[self.steps[outer].name.clone()]);
            joined.extend_from_slice(delimiter.as_bytes());
        }
        joined.extend_from_slice(key);
        let start = self.texts.len();
        self.texts.extend_from_slice(key);
        let key = start..self.texts.len();
        if kind == Kind::Inner {
            self.texts.extend_from_slice(&joined);
        } else {
            self.texts.push(b',');
            write_string(&mut self.texts, &joined);
            self.texts.push(b':');
        }
        let name = key.end..self.texts.len();
        self.steps.push(Step { outer, kind, key, name, value: 0..0, lost: false });
        self.names = None;
    }

    #[inline(never)]
    fn look_at_names(&mut self, collisions: Collisions) -> Names {
        let (steps, texts) = (&mut self.steps, &self.texts);
        let mut names = Names { twice: None, lost: 0, flat: steps.iter().all(|step| step.kind == Kind::Plain) };
        let mut fields: Vec<usize> = (0..steps.len()).filter(|index| steps[*index].is_field()).collect();
        fields.iter().for_each(|index| steps[*index].lost = false);
        // Of one name, the last comes last.
        fields.sort_by(|a, b| texts[steps[*a].name.clone()].cmp(&texts[steps[*b].name.clone()]));
        for pair in fields.windows(2) {
            let name = &texts[steps[pair[0]].name.clone()];
            if *name == texts[steps[pair[1]].name.clone()] {
                if collisions == Collisions::Reject {
                    let quoted = &name[1..name.len() - 1];
                    names.twice = Some(String::from_utf8_lossy(quoted).into_owned());
                    break;
                }
                names.lost += 1;
                names.flat = false;
                steps[pair[0]].lost = true;
            }
        }
        names
    }
}

impl Step {
    fn is_field(&self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Text)
    }
}
