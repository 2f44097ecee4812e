//! The path to a field: one name, or in version 2 of the syntax several with dots between, each perhaps in backticks.

use std::sync::Arc;

use crate::config_def::ConfigError;
use crate::data::{DataError, Field, Schema, Value};
use crate::smt::outline::{Chain, Content, Outline};
use crate::smt::part::{Entries, is_key, or_default, require_map, require_struct};

const PURPOSE: &str = "nested field access";

#[derive(Debug, Clone)]
pub(super) struct FieldPath {
    text: String,
    steps: Vec<String>,
}

impl FieldPath {
    pub(super) fn new(text: &str, nested: bool) -> Result<FieldPath, ConfigError> {
        let steps = if nested { steps(text)? } else { vec![text.to_owned()] };
        Ok(FieldPath { text: text.to_owned(), steps })
    }

    fn split(&self) -> Result<(&String, &[String]), DataError> {
        self.steps.split_last().ok_or_else(|| DataError {
            exception: "java.lang.IllegalArgumentException",
            message: "fromIndex(0) > toIndex(-1)".to_owned(),
        })
    }

    /// The value in a map; null where there is none.
    pub(super) fn value_in_map(&self, mut entries: Entries) -> Result<Value, DataError> {
        let (last, before) = self.split()?;
        for step in before {
            match take(&mut entries, step) {
                Value::Null => return Ok(Value::Null),
                nested => entries = require_map(nested, PURPOSE)?,
            }
        }
        Ok(take(&mut entries, last))
    }

    /// The content in an outline's fields; null where there is none.
    pub(super) fn content_in(&self, outline: &mut Outline, mut fields: Chain) -> Option<Content> {
        let (last, before) = self.split().ok()?;
        for step in before {
            match outline.find(fields, step).map(|at| outline.field(at).content) {
                Some(Content::Object(nested)) => fields = nested,
                // It may be null, or an error.
                Some(_) => return None,
                None => return Some(outline.constant_of(Value::Null)),
            }
        }
        match outline.find(fields, last) {
            Some(at) => Some(outline.field(at).content),
            None => Some(outline.constant_of(Value::Null)),
        }
    }

    pub(super) fn field_in(&self, schema: &Schema) -> Result<Arc<Schema>, DataError> {
        let (last, before) = self.split()?;
        let mut current = schema;
        for step in before {
            current = &self.field(current, step)?.schema;
        }
        self.field(current, last).map(|field| field.schema.clone())
    }

    fn field<'a>(&self, schema: &'a Schema, name: &str) -> Result<&'a Field, DataError> {
        if schema.kind != crate::data::Type::Struct {
            return Err(DataError::data("Cannot look up fields on non-struct type"));
        }
        let unknown =
            || DataError { exception: "java.lang.IllegalArgumentException", message: format!("Unknown field: {}", self.text) };
        schema.fields.iter().find(|field| field.name == name).ok_or_else(unknown)
    }

    /// The value in a struct that has the field.
    pub(super) fn value_in_struct(&self, schema: Arc<Schema>, values: Vec<Value>, replace_null: bool) -> Result<Value, DataError> {
        let (last, before) = self.split()?;
        let (mut schema, mut values) = (schema, values);
        for step in before {
            // On the way defaults always count.
            match nth(&schema, &mut values, step, true) {
                Value::Null => return Ok(Value::Null),
                nested => (schema, values) = require_struct(nested, PURPOSE)?,
            }
        }
        Ok(nth(&schema, &mut values, last, replace_null))
    }
}

fn take(entries: &mut Entries, name: &str) -> Value {
    entries.iter_mut().find(|(key, _)| is_key(key, name)).map_or(Value::Null, |(_, value)| std::mem::replace(value, Value::Null))
}

fn nth(schema: &Schema, values: &mut [Value], name: &str, replace_null: bool) -> Value {
    let Some(index) = schema.field_index(name) else { return Value::Null };
    let value = values.get_mut(index).map_or(Value::Null, |value| std::mem::replace(value, Value::Null));
    or_default(value, &schema.fields[index].schema, replace_null)
}

fn steps(path: &str) -> Result<Vec<String>, ConfigError> {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < path.len() {
        if path[at..].starts_with('`') {
            let (step, next) = in_backticks(path, at)?;
            steps.push(step);
            at = next;
        } else {
            let end = path[at..].find('.').map_or(path.len(), |length| at + length);
            steps.push(path[at..end].to_owned());
            at = end + 1;
        }
    }
    if path.ends_with('.') {
        steps.push(String::new());
    }
    Ok(steps)
}

/// The name that begins with the backtick at `start`, and where the next one begins. It ends at a backtick before a dot or the end.
fn in_backticks(path: &str, start: usize) -> Result<(String, usize), ConfigError> {
    let mut name = String::new();
    let mut from = start + 1;
    let mut at = from;
    loop {
        let found = path[at..].find('`').map(|length| at + length);
        let last = found.is_some_and(|found| found + 1 == path.len());
        let escaped = found.is_some_and(|found| path[..found].ends_with('\\'));
        let Some(end) = found.filter(|_| !(last && escaped)) else {
            let position = path[..start].encode_utf16().count();
            return Err(ConfigError(format!(
                "Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at position {position} to escape it"
            )));
        };
        at = end + 1;
        if last {
            name.push_str(&path[from..end]);
            return Ok((name, path.len()));
        }
        if !path[at..].starts_with('.') {
            continue;
        }
        if escaped {
            name.push_str(&path[from..end - 1]);
            name.push('`');
            from = at;
            continue;
        }
        name.push_str(&path[from..end]);
        return Ok((name, end + 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_steps_that_the_original_sees() {
        for (path, expected) in [
            ("a", vec!["a"]),
            ("a.b", vec!["a", "b"]),
            (".", vec!["", ""]),
            (".a", vec!["", "a"]),
            ("a.", vec!["a", ""]),
            ("`a.b`.c", vec!["a.b", "c"]),
            ("a.`b`", vec!["a", "b"]),
            ("`a`b`", vec!["a`b"]),
            ("`a\\`.b`.c", vec!["a`.b", "c"]),
            ("价.`格.`.x", vec!["价", "格.", "x"]),
        ] {
            assert_eq!(steps(path), Ok(expected.into_iter().map(str::to_owned).collect()), "{path}");
        }
        assert!(steps("`a\\`").is_err());
        assert_eq!(steps("").map(|steps| steps.len()), Ok(0));
    }
}
