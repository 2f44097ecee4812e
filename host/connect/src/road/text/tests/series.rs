//! Records as they follow each other in a topic: mostly of one shape, then of one nearly like it, now and then broken.
//!
//! A shape is learnt from one record and used for the next, so what could go wrong lies between two records: other values where the
//! first had some, a field more or less, the same name written otherwise, a letter that is not JSON.

use proptest::prelude::*;
use proptest::sample::Index;

use super::random::{name, quoted, scalar};

/// A document that remembers where its names and values are.
#[derive(Debug, Clone)]
enum Doc {
    Leaf(String),
    Array(Vec<Doc>),
    Object(Members),
}

/// Each with how its name is written.
type Members = Vec<(String, u8, Doc)>;

/// How a record differs from the one before.
#[derive(Debug, Clone)]
enum Edit {
    /// Other values, in turn, for those that are there.
    Values(Vec<String>),
    /// Another name for a member, or another way to write it.
    Rename(Index, String, u8),
    Respell(Index, u8),
    Drop(Index),
    /// A member once more, at the end: its name comes twice.
    Repeat(Index),
    Swap(Index, Index),
    Put(Index, Doc),
    Blanks(&'static str),
    /// Of this record alone.
    Byte(Index, u8),
    Cut(Index),
    Insert(Index, &'static [u8]),
    Around(&'static [u8], &'static [u8]),
    Null,
    Tombstone,
    /// An earlier record once more, whose shape may have been forgotten by now.
    Again(Index),
}

/// The values of records that follow each other.
pub(super) fn series() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    (object(), prop::sample::select(BLANKS), prop::collection::vec(edit(), 1..14)).prop_map(|(mut doc, mut blanks, edits)| {
        let mut records = vec![Some(doc.text(blanks))];
        for edit in edits {
            records.push(match edit {
                Edit::Again(at) => at.get(&records).clone(),
                edit => edit.make(&mut doc, &mut blanks),
            });
        }
        records
    })
}

static BLANKS: &[&str] = &["", "", "", " ", "\n\t", "\r\n  "];

/// Bytes that mean something in JSON, or nothing.
static BYTES: &[u8] = b"{}[]:,\"\\u0a1e.-+ \0\x1f\x7f\x80\xc3\xff";

fn edit() -> impl Strategy<Value = Edit> {
    let index = any::<Index>;
    prop_oneof![
        8 => prop::collection::vec(leaf(), 1..5).prop_map(Edit::Values),
        2 => (index(), name(), any::<u8>()).prop_map(|(at, name, spelling)| Edit::Rename(at, name, spelling)),
        1 => (index(), any::<u8>()).prop_map(|(at, spelling)| Edit::Respell(at, spelling)),
        1 => index().prop_map(Edit::Drop),
        1 => index().prop_map(Edit::Repeat),
        1 => (index(), index()).prop_map(|(one, other)| Edit::Swap(one, other)),
        2 => (index(), doc()).prop_map(|(at, doc)| Edit::Put(at, doc)),
        1 => prop::sample::select(BLANKS).prop_map(Edit::Blanks),
        1 => (index(), prop::sample::select(BYTES)).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        1 => index().prop_map(Edit::Cut),
        1 => (index(), prop::sample::select(vec![&b" "[..], b"\\", b"\"", b",", b"0", b"\xff", b"\xef\xbb\xbf", b"\\ud800", b"e1"]))
            .prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        1 => prop::sample::select(vec![
            (&b" \n"[..], &b""[..]), (b"", b" x"), (b"", b"{"), (b"", b"\0"), (b"", b"\xff"), (b"\xef\xbb\xbf", b""), (b"\0", b""), (b"[", b"]")
        ]).prop_map(|(before, after)| Edit::Around(before, after)),
        1 => prop_oneof![Just(Edit::Null), Just(Edit::Tombstone)],
        2 => index().prop_map(Edit::Again),
    ]
}

impl Edit {
    fn make(self, doc: &mut Doc, blanks: &mut &'static str) -> Option<Vec<u8>> {
        let mut after = None;
        match self {
            Edit::Values(values) => {
                let mut next = values.iter().cycle();
                doc.each_leaf(&mut |leaf| leaf.clone_from(next.next().expect("there is one")));
            }
            Edit::Rename(at, name, spelling) => doc.with_member(at, |members, at| {
                (members[at].0, members[at].1) = (name, spelling);
            }),
            Edit::Respell(at, spelling) => doc.with_member(at, |members, at| members[at].1 = spelling),
            Edit::Drop(at) => doc.with_member(at, |members, at| drop(members.remove(at))),
            Edit::Repeat(at) => doc.with_member(at, |members, at| members.push(members[at].clone())),
            Edit::Swap(one, other) => doc.with_member(one, |members, at| {
                let other = other.index(members.len());
                members.swap(at, other);
            }),
            Edit::Put(at, new) => doc.with_member(at, |members, at| members[at].2 = new),
            Edit::Blanks(new) => *blanks = new,
            edit => after = Some(edit),
        }
        let mut text = doc.text(blanks);
        match after {
            Some(Edit::Byte(at, byte)) => {
                let at = at.index(text.len());
                text[at] = byte;
            }
            Some(Edit::Cut(at)) => text.truncate(at.index(text.len())),
            Some(Edit::Insert(at, bytes)) => {
                let at = at.index(text.len() + 1);
                text.splice(at..at, bytes.iter().copied());
            }
            Some(Edit::Around(before, after)) => text = [before, &text, after].concat(),
            Some(Edit::Null) => text = b"null".to_vec(),
            Some(Edit::Tombstone) => return None,
            _ => {}
        }
        Some(text)
    }
}

impl Doc {
    fn text(&self, blanks: &str) -> Vec<u8> {
        let mut out = String::new();
        self.write(blanks, &mut out);
        out.into_bytes()
    }

    fn write(&self, blanks: &str, out: &mut String) {
        let mut parts = |ends: [char; 2], count: usize, write: &mut dyn FnMut(usize, &mut String)| {
            out.push(ends[0]);
            out.push_str(blanks);
            for index in 0..count {
                if index > 0 {
                    out.extend([blanks, ",", blanks]);
                }
                write(index, out);
            }
            out.push_str(blanks);
            out.push(ends[1]);
        };
        match self {
            Doc::Leaf(text) => out.push_str(text),
            Doc::Array(items) => parts(['[', ']'], items.len(), &mut |index, out| items[index].write(blanks, out)),
            Doc::Object(members) => parts(['{', '}'], members.len(), &mut |index, out| {
                let (name, spelling, value) = &members[index];
                out.extend([&quoted(name, *spelling), blanks, ":", blanks]);
                value.write(blanks, out);
            }),
        }
    }

    fn each_leaf(&mut self, change: &mut impl FnMut(&mut String)) {
        match self {
            Doc::Leaf(text) => change(text),
            Doc::Array(items) => items.iter_mut().for_each(|item| item.each_leaf(change)),
            Doc::Object(members) => members.iter_mut().for_each(|(_, _, value)| value.each_leaf(change)),
        }
    }

    /// The object that comes so many after the first, of those that have members.
    fn nth(&mut self, left: &mut usize) -> Option<&mut Members> {
        match self {
            Doc::Leaf(_) => None,
            Doc::Array(items) => items.iter_mut().find_map(|item| item.nth(left)),
            Doc::Object(members) if members.is_empty() => None,
            Doc::Object(members) => {
                if *left == 0 {
                    return Some(members);
                }
                *left -= 1;
                members.iter_mut().find_map(|(_, _, value)| value.nth(left))
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Doc::Leaf(_) => 0,
            Doc::Array(items) => items.iter().map(Doc::count).sum(),
            Doc::Object(members) => {
                usize::from(!members.is_empty()) + members.iter().map(|(_, _, value)| value.count()).sum::<usize>()
            }
        }
    }

    /// Changes a member of one of the objects, where there is any.
    fn with_member(&mut self, at: Index, change: impl FnOnce(&mut Members, usize)) {
        let count = self.count();
        if count > 0
            && let Some(members) = self.nth(&mut at.index(count))
        {
            let at = at.index(members.len());
            change(members, at);
        }
    }
}

static ODD: &[&str] = &[
    "-0",
    "0.10",
    "1E+2",
    "1e400",
    "-1e-400",
    "1e6144",
    "1e6145",
    "10e6144",
    "0.1e-6144",
    "0e0",
    "-0.0",
    "00",
    "007",
    "-",
    "1.",
    ".5",
    "+1",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "tru",
    "truex",
    "nul",
    "True",
    "null ",
    "123456789012345678901234567890.5",
    "9223372036854775808",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\u0000\"",
    "\"\\u00g0\"",
    "\"\\/\"",
    "\"\\x\"",
    "\"\u{1}\"",
    "\"\u{7f}\"",
    "\"\u{2028}\"",
    "\"a\nb\"",
    "\"",
    "\"null\"",
    "'a'",
    "",
];

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => scalar(),
        1 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        1 => prop::sample::select(ODD).prop_map(str::to_owned),
        1 => prop::sample::select(vec![1, 14, 19, 40, 999, 1000, 1001]).prop_map(|digits| "7".repeat(digits)),
    ]
}

fn object_of(value: impl Strategy<Value = Doc>) -> impl Strategy<Value = Doc> {
    prop::collection::vec((name(), any::<u8>(), value), 0..6).prop_map(Doc::Object)
}

fn doc() -> impl Strategy<Value = Doc> {
    leaf().prop_map(Doc::Leaf).prop_recursive(3, 32, 5, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..4).prop_map(Doc::Array),
            6 => object_of(inner.clone()),
            1 => (inner, prop::sample::select(vec![2, 60, 126, 127, 128, 130]), any::<bool>()).prop_map(|(doc, depth, array)| {
                let wrap = |doc| if array { Doc::Array(vec![doc]) } else { Doc::Object(vec![("a".to_owned(), 0, doc)]) };
                (0..depth).fold(doc, |doc, _| wrap(doc))
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = Doc> {
    object_of(doc())
}
