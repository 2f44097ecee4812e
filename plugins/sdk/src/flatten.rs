//! Nested fields brought to the top level: `{"a":{"b":1}}` becomes `{"a_b":1}`. Names are joined, values are copied as they are written.
//!
//! Most records of a topic have the same fields in the same order. So the steps that the walk through the last record took are kept,
//! with the names that came of them: as far as the next record goes the same way, nothing is joined, escaped or compared again. What comes
//! out never depends on it.
//!
//! ```
//! use snowgate_plugin::flatten::{Flattener, Rules};
//!
//! let mut flattener = Flattener::new(Rules::default());
//! let flat = flattener.walk(br#"{"id": 7, "data": {"p": 0.10, "l": [1, 2]}}"#)?;
//! let mut row = Vec::new();
//! flat.write(&mut row);
//! assert_eq!(row, br#"{"id":7,"data_p":0.10,"data_l":[1, 2]}"#);
//! # Ok::<(), snowgate_plugin::Reject>(())
//! ```

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Reject;
use crate::json::{Pieces, Scanner, same, write_string};

/// The deepest record that is looked into, as deep as most who read JSON go. It bounds the plugin's stack.
pub const DEEPEST: usize = 128;

/// What is brought up, and under which names.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What goes between the names.
    pub delimiter: String,
    /// How many levels are brought up; an object below stays one. `None` for all.
    pub max_depth: Option<usize>,
    pub arrays: Arrays,
    pub collisions: Collisions,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { delimiter: "_".to_owned(), max_depth: None, arrays: Arrays::default(), collisions: Collisions::default() }
    }
}

/// What becomes of an array.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arrays {
    /// It stays an array.
    #[default]
    Keep,
    /// It becomes a string that holds the array's JSON.
    Text,
    /// Its elements become fields, named by their number from 0.
    Index,
    /// It goes.
    Drop,
}

/// What becomes of a record in which two fields come to the same name.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collisions {
    /// It is rejected.
    #[default]
    Reject,
    /// The field that comes last in the record stands.
    Last,
}

/// Flattens one record after another.
pub struct Flattener {
    rules: Rules,
    steps: Vec<Step>,
    /// How many of the steps the record at hand has taken.
    taken: usize,
    /// Keys and names of the steps, one after another.
    texts: Vec<u8>,
    /// What the steps' names come to; `None` while the steps are not those that were looked at.
    names: Option<Names>,
}

/// A record that was walked.
pub struct Flat<'a> {
    flattener: &'a Flattener,
    record: &'a [u8],
    names: &'a Names,
}

/// What names come to.
struct Names {
    /// One that comes twice, in quotes, unless that may be.
    twice: Option<String>,
    /// How many fields are left out, for another has their name.
    lost: u64,
    /// Whether the row is the record.
    flat: bool,
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

impl Flattener {
    pub fn new(rules: Rules) -> Flattener {
        Flattener { rules, steps: Vec::new(), taken: 0, texts: Vec::new(), names: None }
    }

    /// Walks a record, which is to be a JSON object.
    pub fn walk<'a>(&'a mut self, record: &'a [u8]) -> Result<Flat<'a>, Reject> {
        let mut scan = Scanner::new(record);
        if scan.peek() != Some(b'{') {
            return Err("the value is not a JSON object".into());
        }
        self.taken = 0;
        let mut scan = self.object(scan, None, 0)?;
        self.forget();
        scan.end()?;
        if self.names.is_none() {
            self.names = Some(self.look_at_names());
        }
        let flattener: &Flattener = self;
        let names = flattener.names.as_ref().expect("they were looked at just now");
        match &names.twice {
            Some(name) => Err(format!("two fields come to the name {name}").into()),
            None => Ok(Flat { flattener, record, names }),
        }
    }

    fn object<'a>(&mut self, mut scan: Scanner<'a>, outer: Option<usize>, depth: usize) -> Result<Scanner<'a>, Reject> {
        scan.enter()?;
        while let Some(key) = scan.key()? {
            scan = self.step(&key, scan, outer, depth)?;
        }
        Ok(scan)
    }

    fn array<'a>(&mut self, mut scan: Scanner<'a>, outer: Option<usize>, depth: usize) -> Result<Scanner<'a>, Reject> {
        scan.enter_array()?;
        let mut index = 0;
        while scan.element()? {
            scan = self.step(index.to_string().as_bytes(), scan, outer, depth)?;
            index += 1;
        }
        Ok(scan)
    }

    /// Takes the value that stands next, `depth` objects and arrays deep.
    fn step<'a>(&mut self, key: &[u8], mut scan: Scanner<'a>, outer: Option<usize>, depth: usize) -> Result<Scanner<'a>, Reject> {
        let goes_in = self.rules.max_depth.is_none_or(|deepest| depth < deepest);
        let first = scan.peek();
        let kind = match (first, self.rules.arrays) {
            (Some(b'{'), _) | (Some(b'['), Arrays::Index) if goes_in => Kind::Inner,
            (Some(b'['), Arrays::Text) => Kind::Text,
            (Some(b'['), Arrays::Drop) => Kind::Dropped,
            _ => Kind::Plain,
        };
        let index = self.taken;
        let known = |step: &Step| step.kind == kind && step.outer == outer && same(&self.texts[step.key.clone()], key);
        if !self.steps.get(index).is_some_and(known) {
            self.forget();
            self.learn(key, kind, outer);
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
            Some(b'{') => self.object(scan, Some(index), depth + 1),
            _ => self.array(scan, Some(index), depth + 1),
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
    fn learn(&mut self, key: &[u8], kind: Kind, outer: Option<usize>) {
        let mut joined = Vec::new();
        if let Some(outer) = outer {
            joined.extend_from_slice(&self.texts[self.steps[outer].name.clone()]);
            joined.extend_from_slice(self.rules.delimiter.as_bytes());
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
    fn look_at_names(&mut self) -> Names {
        let (steps, texts) = (&mut self.steps, &self.texts);
        let mut names = Names { twice: None, lost: 0, flat: steps.iter().all(|step| step.kind == Kind::Plain) };
        let mut fields: Vec<usize> = (0..steps.len()).filter(|index| steps[*index].is_field()).collect();
        fields.iter().for_each(|index| steps[*index].lost = false);
        // Of one name, the last comes last.
        fields.sort_by(|a, b| texts[steps[*a].name.clone()].cmp(&texts[steps[*b].name.clone()]));
        for pair in fields.windows(2) {
            let name = &texts[steps[pair[0]].name.clone()];
            if *name == texts[steps[pair[1]].name.clone()] {
                if self.rules.collisions == Collisions::Reject {
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

impl Flat<'_> {
    /// Whether the record is flat already, so that it may be kept.
    pub fn is_unchanged(&self) -> bool {
        self.names.flat
    }

    /// How many fields are left out, for another that comes later has their name.
    pub fn lost(&self) -> u64 {
        self.names.lost
    }

    /// Appends the row.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Flattener { steps, texts, .. } = self.flattener;
        let mut row = Pieces::new(out);
        // Before the first field stands no comma.
        let mut skip = 1;
        row.start_of(b"{", 1);
        for step in steps.iter().filter(|step| step.is_field() && !step.lost) {
            row.part(texts, step.name.start + skip..step.name.end);
            skip = 0;
            if step.kind == Kind::Text {
                let mut text = Vec::new();
                write_string(&mut text, &self.record[step.value.clone()]);
                row.long(&text);
            } else {
                row.part(self.record, step.value.clone());
            }
        }
        row.start_of(b"}", 1);
        row.finish();
    }
}

impl Step {
    fn is_field(&self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Text)
    }
}

#[cfg(test)]
mod tests;
