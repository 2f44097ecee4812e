//! An object that can be changed without being taken apart: what nobody touches stays the text that it was.
//!
//! Only the objects on the way to a field are looked into. Numbers keep their digits, strings their escapes, fields their order.
//!
//! ```
//! use snowgate_plugin::json::{Object, Path};
//!
//! let mut row = Object::parse(br#"{"id": 7, "data": {"s": "BTCUSDT", "p": "0.0010"}}"#)?;
//! let symbol: Path = "data.s".parse().unwrap();
//! assert_eq!(row.get(&symbol)?.as_deref(), Some(&br#""BTCUSDT""#[..]));
//! row.set(&"data.p".parse().unwrap(), b"0.0010")?;
//! row.remove(&symbol)?;
//! let mut text = Vec::new();
//! row.write(&mut text);
//! assert_eq!(text, br#"{"id":7,"data":{"p":0.0010}}"#);
//! # Ok::<(), snowgate_plugin::json::Malformed>(())
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::{Malformed, Scanner, same, write_string};

/// The way to a field: names from the outermost in, joined by dots; `\.` is a dot inside a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<String>);

impl Path {
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Path, String> {
        let mut names = vec![String::new()];
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '.' => names.push(String::new()),
                '\\' => match letters.next() {
                    Some(plain @ ('.' | '\\')) => names.last_mut().expect("it is never empty").push(plain),
                    _ => return Err(format!("`{text}` is no way to a field: after `\\` comes a dot or another `\\`")),
                },
                letter => names.last_mut().expect("it is never empty").push(letter),
            }
        }
        if names.iter().any(String::is_empty) {
            return Err(format!("`{text}` is no way to a field: write names joined by dots, such as `data.symbol`"));
        }
        Ok(Path(names))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", name.replace('\\', "\\\\").replace('.', "\\."))?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Path, String> {
        text.parse()
    }
}

impl<'de> serde::Deserialize<'de> for Path {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Path, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Path {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// What an object has room for before it grows: as many fields as most have.
const FIELDS: usize = 32;

/// A JSON object, as far as it was looked into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object<'a> {
    fields: Vec<(Cow<'a, [u8]>, Value<'a>)>,
}

/// A field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// As it is written.
    Text(Cow<'a, [u8]>),
    /// Looked into.
    Object(Object<'a>),
}

impl<'a> Object<'a> {
    /// Walks the fields of the object that is all of `text`.
    pub fn parse(text: &'a [u8]) -> Result<Object<'a>, Malformed> {
        let mut scan = Scanner::new(text);
        let mut fields = Vec::with_capacity(FIELDS);
        scan.enter()?;
        while let Some(name) = scan.key()? {
            fields.push((name, Value::Text(Cow::Borrowed(scan.raw()?))));
        }
        scan.end()?;
        Ok(Object { fields })
    }

    /// Names and values in order.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &Value<'a>)> {
        self.fields.iter().map(|(name, value)| (&**name, value))
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value at `path`, as it is written. `None` where there is none, or something on the way is no object.
    pub fn get(&mut self, path: &Path) -> Result<Option<Cow<'_, [u8]>>, Malformed> {
        Ok(self.get_mut(path)?.map(|value| value.text()))
    }

    /// The value at `path`, to look at or to change in its place.
    pub fn get_mut(&mut self, path: &Path) -> Result<Option<&mut Value<'a>>, Malformed> {
        let (last, way) = path.0.split_last().expect("a path has a name");
        let Some(object) = self.at(way)? else { return Ok(None) };
        Ok(object.index_of(last).map(|index| &mut object.fields[index].1))
    }

    /// Takes the field at `path` out; of a name that comes twice all fields go, and the last is the answer.
    pub fn remove(&mut self, path: &Path) -> Result<Option<Value<'a>>, Malformed> {
        let (last, way) = path.0.split_last().expect("a path has a name");
        let Some(object) = self.at(way)? else { return Ok(None) };
        Ok(object.fields.extract_if(.., |(name, _)| same(name, last.as_bytes())).last().map(|(_, value)| value))
    }

    /// Gives the field at `path` this value, in its place or at the end. Objects on the way are made where there is nothing or null;
    /// false where something else stands there, and nothing is changed then.
    pub fn put(&mut self, path: &Path, value: Value<'a>) -> Result<bool, Malformed> {
        let (last, way) = path.0.split_last().expect("a path has a name");
        let mut object = self;
        for name in way {
            let index = match object.index_of(name) {
                Some(index) => index,
                None => {
                    object.fields.push((Cow::Owned(name.clone().into_bytes()), Value::Object(Object::default())));
                    object.fields.len() - 1
                }
            };
            let field = &mut object.fields[index].1;
            if matches!(field, Value::Text(text) if &**text == b"null") {
                *field = Value::Object(Object::default());
            }
            match field.look_into()? {
                Some(inner) => object = inner,
                None => return Ok(false),
            }
        }
        match object.index_of(last) {
            Some(index) => object.fields[index].1 = value,
            None => object.fields.push((Cow::Owned(last.clone().into_bytes()), value)),
        }
        Ok(true)
    }

    /// Like [`put`](Object::put), with a copy of `text`, which is a JSON value.
    pub fn set(&mut self, path: &Path, text: &[u8]) -> Result<bool, Malformed> {
        self.put(path, Value::Text(Cow::Owned(text.to_vec())))
    }

    /// Gives the field `name` of this very object this value, in its place or at the end. Answers with what stood there.
    pub fn insert(&mut self, name: Cow<'a, [u8]>, value: Value<'a>) -> Option<Value<'a>> {
        match self.fields.iter_mut().rfind(|(field, _)| same(field, &name)) {
            Some((_, old)) => Some(std::mem::replace(old, value)),
            None => {
                self.fields.push((name, value));
                None
            }
        }
    }

    /// Adds a field at the end, whatever is there already.
    pub fn push(&mut self, name: Cow<'a, [u8]>, value: Value<'a>) {
        self.fields.push((name, value));
    }

    /// Keeps the fields at `paths` and what lies in them, in the order they have, and takes out all others.
    pub fn keep(&mut self, paths: &[Path]) -> Result<(), Malformed> {
        let names: Vec<&[String]> = paths.iter().map(|path| &path.0[..]).collect();
        self.keep_names(&names)
    }

    fn keep_names(&mut self, paths: &[&[String]]) -> Result<(), Malformed> {
        let mut kept = Vec::with_capacity(self.fields.len().min(paths.len()));
        for (name, mut value) in std::mem::take(&mut self.fields) {
            let into: Vec<&[String]> = paths.iter().filter(|path| path[0].as_bytes() == &*name).map(|path| &path[1..]).collect();
            if into.iter().any(|rest| rest.is_empty()) {
                kept.push((name, value));
            } else if !into.is_empty()
                && let Some(inner) = value.look_into()?
            {
                inner.keep_names(&into)?;
                if !inner.is_empty() {
                    kept.push((name, value));
                }
            }
        }
        self.fields = kept;
        Ok(())
    }

    /// Appends the object as JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (name, value)) in self.fields.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_string(out, name);
            out.push(b':');
            value.write(out);
        }
        out.push(b'}');
    }

    /// The object at the end of the way, looked into.
    fn at(&mut self, way: &[String]) -> Result<Option<&mut Object<'a>>, Malformed> {
        let mut object = self;
        for name in way {
            let Some(index) = object.index_of(name) else { return Ok(None) };
            match object.fields[index].1.look_into()? {
                Some(inner) => object = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(object))
    }

    /// Of a name that comes twice the last one counts, as for most who read JSON.
    fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().rposition(|(field, _)| same(field, name.as_bytes()))
    }
}

impl<'a> Value<'a> {
    /// As it is written, or would be.
    pub fn text(&self) -> Cow<'_, [u8]> {
        match self {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Object(object) => {
                let mut text = Vec::new();
                object.write(&mut text);
                Cow::Owned(text)
            }
        }
    }

    /// The object that this value is.
    pub fn look_into(&mut self) -> Result<Option<&mut Object<'a>>, Malformed> {
        if let Value::Text(text) = self {
            if text.first() != Some(&b'{') {
                return Ok(None);
            }
            let object = match text {
                Cow::Borrowed(text) => Object::parse(text)?,
                Cow::Owned(text) => Object::parse(text)?.into_owned(),
            };
            *self = Value::Object(object);
        }
        match self {
            Value::Object(object) => Ok(Some(object)),
            Value::Text(_) => Ok(None),
        }
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Text(text) => out.extend_from_slice(text),
            Value::Object(object) => object.write(out),
        }
    }

    fn into_owned(self) -> Value<'static> {
        match self {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Object(object) => Value::Object(object.into_owned()),
        }
    }
}

impl Object<'_> {
    fn into_owned(self) -> Object<'static> {
        let own = |(name, value): (Cow<'_, [u8]>, Value<'_>)| (Cow::Owned(name.into_owned()), value.into_owned());
        Object { fields: self.fields.into_iter().map(own).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: impl FnOnce(&mut Object<'_>)) -> String {
        let mut object = Object::parse(text.as_bytes()).unwrap();
        edit(&mut object);
        let mut out = Vec::new();
        object.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn what_nobody_touches_stays_as_it_was_written() {
        let text = r#"{"a":1.50,"b":[1, 2],"c":{"d": "\u00e9"},"e\"f":null}"#;
        assert_eq!(edited(text, |_| {}), text);
        assert_eq!(edited(r#"{ "a" : { } }"#, |_| {}), r#"{"a":{ }}"#);
    }

    #[test]
    fn a_field_is_set_in_its_place_or_at_the_end() {
        assert_eq!(edited(r#"{"a":1,"b":2}"#, |o| assert!(o.set(&path("a"), b"[]").unwrap())), r#"{"a":[],"b":2}"#);
        assert_eq!(edited(r#"{"a":1}"#, |o| assert!(o.set(&path("x.y"), b"2").unwrap())), r#"{"a":1,"x":{"y":2}}"#);
        assert_eq!(edited(r#"{"a":null}"#, |o| assert!(o.set(&path("a.b"), b"2").unwrap())), r#"{"a":{"b":2}}"#);
        assert_eq!(edited(r#"{"a":7}"#, |o| assert!(!o.set(&path("a.b"), b"2").unwrap())), r#"{"a":7}"#);
    }

    #[test]
    fn a_value_is_changed_where_it_stands() {
        let changed = edited(r#"{"a":{"b":1,"c":2},"d":3}"#, |o| {
            *o.get_mut(&path("a.b")).unwrap().unwrap() = Value::Text(Cow::Borrowed(b"null"));
            assert_eq!(o.get_mut(&path("a.x")).unwrap(), None);
            let number = |text| Value::Text(Cow::Borrowed(text));
            assert_eq!(o.insert(Cow::Borrowed(b"d"), number(b"4")), Some(number(b"3")));
            assert_eq!(o.insert(Cow::Borrowed(b"a.b"), number(b"5")), None);
        });
        assert_eq!(changed, r#"{"a":{"b":null,"c":2},"d":4,"a.b":5}"#);
    }

    #[test]
    fn a_field_is_found_and_taken_at_any_depth() {
        let text = r#"{"a":{"b":{"c":1,"d":2}},"a.b":3}"#;
        let seen = edited(text, |o| {
            assert_eq!(o.get(&path("a.b.c")).unwrap().as_deref(), Some(&b"1"[..]));
            assert_eq!(o.get(&path("a.b")).unwrap().as_deref(), Some(&br#"{"c":1,"d":2}"#[..]));
            assert_eq!(o.get(&path(r"a\.b")).unwrap().as_deref(), Some(&b"3"[..]));
            assert_eq!(o.get(&path("a.x.c")).unwrap(), None);
            assert!(o.remove(&path("a.b.c")).unwrap().is_some());
            assert!(o.remove(&path("a.b.c")).unwrap().is_none());
        });
        assert_eq!(seen, r#"{"a":{"b":{"d":2}},"a.b":3}"#);
    }

    #[test]
    fn of_a_name_that_comes_twice_the_last_counts() {
        let seen = edited(r#"{"a":1,"a":2}"#, |o| assert_eq!(o.get(&path("a")).unwrap().as_deref(), Some(&b"2"[..])));
        assert_eq!(seen, r#"{"a":1,"a":2}"#);
        let seen = edited(r#"{"a":1,"b":2,"a":3}"#, |o| assert_eq!(&*o.remove(&path("a")).unwrap().unwrap().text(), b"3"));
        assert_eq!(seen, r#"{"b":2}"#);
    }

    #[test]
    fn only_what_is_named_is_kept() {
        let keep = |paths: &[&str]| {
            let paths: Vec<Path> = paths.iter().map(|text| path(text)).collect();
            edited(r#"{"a":1,"b":{"c":2,"d":3},"e":4}"#, |o| o.keep(&paths).unwrap())
        };
        assert_eq!(keep(&["e", "b.d"]), r#"{"b":{"d":3},"e":4}"#);
        assert_eq!(keep(&["b", "b.d"]), r#"{"b":{"c":2,"d":3}}"#);
        assert_eq!(keep(&["a.x", "b.x"]), "{}");
    }

    #[test]
    fn a_malformed_inside_is_only_found_by_looking_there() {
        let mut object = Object::parse(br#"{"a":{"b" 1},"c":2}"#).unwrap();
        assert_eq!(object.get(&path("c")).unwrap().as_deref(), Some(&b"2"[..]));
        assert!(object.get(&path("a.b")).is_err());
    }

    #[test]
    fn a_path_may_hold_dots_that_are_no_joints() {
        assert_eq!(path(r"a\.b.c\\").names(), ["a.b", r"c\"]);
        assert_eq!(path(r"a\.b.c\\").to_string(), r"a\.b.c\\");
        for wrong in ["", ".", "a..b", "a.", r"a\x", r"a\"] {
            assert!(wrong.parse::<Path>().is_err(), "{wrong}");
        }
    }
}
