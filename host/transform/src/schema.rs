//! A plugin's configuration held against the JSON Schema that the plugin describes it with.
//!
//! All problems are found at once, each with the option's path, what is expected there, and for an unknown option the one that was
//! probably meant. A written value is never repeated: it may be a secret.
//!
//! Known are the keywords that schemars and people write for options: `$ref` within the document, `type`, `enum`, `const`, those for
//! objects, arrays, strings and numbers, `allOf`, `anyOf` and `oneOf`. Every other keyword is passed over, and so is one of the wrong
//! form: the plugin's `configure` has the last word. A reference to another document is refused, and nothing is ever fetched.
//!
//! The schema comes from the plugin and is as little to be trusted. General validators follow whatever it says for as long as
//! it takes; this one has a budget, which no honest schema comes near.
//!
//! Invariant: a check ends after [`STEPS`], whatever the schema.

use fancy_regex::RegexBuilder;
use serde_json::{Map, Value};

use crate::host::clean;

mod words;

pub use self::words::OptionProblem;
use self::words::{Problem, What, nearest, told_of, within};

/// Keywords and their items looked at in one check: a second or two. A list of a hundred thousand texts takes a tenth of it.
const STEPS: usize = 2_000_000;

/// Schemas within schemas, by nesting or by reference.
const DEPTH: usize = 200;

/// What a pattern costs, which is compiled each time.
const PATTERN_STEPS: usize = 10_000;
const PATTERN_BYTES: usize = 256 * 1024;

/// Problems that are told; a configuration of another plugin has as many as it has options.
const TOLD: usize = 20;

/// Holds `options` against `schema`. An error says why the schema cannot be used.
pub(crate) fn check(schema: &Value, options: &Value) -> Result<Vec<OptionProblem>, String> {
    let mut checker = Checker { document: schema, steps: STEPS };
    let mut problems = Vec::new();
    checker.check(schema, options, "", 0, &mut problems)?;
    let mut told: Vec<OptionProblem> = Vec::new();
    for problem in problems {
        // Names and values of the schema's are the plugin's words.
        let problem = OptionProblem { message: clean(&problem.what.to_string()), path: clean(&problem.path) };
        if told.len() < TOLD && !told.contains(&problem) {
            told.push(problem);
        }
    }
    Ok(told)
}

struct Checker<'a> {
    document: &'a Value,
    steps: usize,
}

impl<'a> Checker<'a> {
    /// Adds to `problems` what is wrong with `value`, which stands at `path`.
    fn check(
        &mut self,
        schema: &'a Value,
        value: &Value,
        path: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<(), String> {
        if depth > DEPTH {
            return Err("it is nested too deeply, or refers to itself".to_owned());
        }
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => {
                problems.push(Problem { path: path.to_owned(), what: What::Other("may not be given".to_owned()) });
                return Ok(());
            }
            _ => return Err("a schema is an object, `true` or `false`".to_owned()),
        };
        for keyword in schema.values() {
            self.spend(1 + size(keyword))?;
        }
        let before = problems.len();
        let mut wrong = |what: What| problems.push(Problem { path: path.to_owned(), what });
        if let Some(wanted) = schema.get("type").and_then(types)
            && !wanted.iter().any(|wanted| is_of(value, wanted))
        {
            wrong(What::Type { found: article(name_of(value)), wanted: wanted.into_iter().map(article).collect() });
        }
        if let Some(choices) = choices(schema)
            && !choices.iter().any(|choice| equal(choice, value))
        {
            let texts = || choices.iter().filter_map(|choice| choice.as_str());
            let meant = value.as_str().and_then(|written| nearest(written, texts())).map(str::to_owned);
            wrong(What::Choice { values: choices.iter().map(|choice| format!("`{}`", shown(choice))).collect(), meant });
        }
        // Of another type than it must be: what is within says nothing.
        if problems.len() == before {
            match value {
                Value::Object(options) => self.check_object(schema, options, path, depth, problems)?,
                Value::Array(items) => self.check_array(schema, items, path, depth, problems)?,
                Value::String(text) => self.check_string(schema, text, path, problems)?,
                Value::Number(number) => check_number(schema, number.as_f64().unwrap_or(f64::NAN), path, problems),
                Value::Null | Value::Bool(_) => {}
            }
        }
        if let Some(Value::String(reference)) = schema.get("$ref") {
            let target = self.resolve(reference)?;
            self.check(target, value, path, depth + 1, problems)?;
        }
        for every in list(schema, "allOf") {
            self.check(every, value, path, depth + 1, problems)?;
        }
        for keyword in ["anyOf", "oneOf"] {
            self.check_forms(keyword, list(schema, keyword), value, path, depth, problems)?;
        }
        Ok(())
    }

    /// `value` must fit one of `forms`, for `oneOf` just one.
    fn check_forms(
        &mut self,
        keyword: &str,
        forms: &'a [Value],
        value: &Value,
        path: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<(), String> {
        let mut misses = Vec::with_capacity(forms.len());
        for form in forms {
            let mut miss = Vec::new();
            self.check(form, value, path, depth + 1, &mut miss)?;
            misses.push(miss);
        }
        match misses.iter().filter(|miss| miss.is_empty()).count() {
            0 if !forms.is_empty() => problems.extend(told_of(misses, path)),
            fitting if fitting > 1 && keyword == "oneOf" => {
                let what = What::Other(format!("fits {fitting} forms that exclude each other"));
                problems.push(Problem { path: path.to_owned(), what });
            }
            _ => {}
        }
        Ok(())
    }

    fn check_object(
        &mut self,
        schema: &'a Map<String, Value>,
        options: &Map<String, Value>,
        path: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<(), String> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for (name, value) in options {
            let path = within(path, name);
            let mut is_known = false;
            if let Some(property) = properties.and_then(|properties| properties.get(name)) {
                is_known = true;
                self.check(property, value, &path, depth + 1, problems)?;
            }
            for (pattern, property) in patterns.into_iter().flatten() {
                // A pattern that cannot be told may be meant for this name.
                if self.matches(pattern, name)?.unwrap_or(true) {
                    is_known = true;
                    self.check(property, value, &path, depth + 1, problems)?;
                }
            }
            match schema.get("additionalProperties") {
                Some(Value::Bool(false)) if !is_known => {
                    let known: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                    let meant = nearest(name, known.iter().copied()).map(str::to_owned);
                    let known = known.into_iter().map(str::to_owned).collect();
                    problems.push(Problem { path, what: What::Unknown { meant, known } });
                }
                Some(other) if !is_known => self.check(other, value, &path, depth + 1, problems)?,
                _ => {}
            }
        }
        for name in list(schema, "required").iter().filter_map(Value::as_str) {
            if !options.contains_key(name) {
                problems.push(Problem { path: within(path, name), what: What::Missing });
            }
        }
        let (fewest, most) = (count(schema, "minProperties"), count(schema, "maxProperties"));
        check_count(options.len(), fewest, most, ("option", "options"), path, problems);
        Ok(())
    }

    fn check_array(
        &mut self,
        schema: &'a Map<String, Value>,
        items: &[Value],
        path: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Result<(), String> {
        let prefix = list(schema, "prefixItems");
        let rest = schema.get("items").filter(|rest| !rest.is_array());
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = prefix.get(index).or(rest) {
                self.check(schema, item, &format!("{path}[{index}]"), depth + 1, problems)?;
            }
        }
        check_count(items.len(), count(schema, "minItems"), count(schema, "maxItems"), ("item", "items"), path, problems);
        if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
            for (index, item) in items.iter().enumerate() {
                self.spend(index)?;
                if items[..index].iter().any(|earlier| equal(earlier, item)) {
                    let what = What::Other("is there already, and each item may be there once".to_owned());
                    problems.push(Problem { path: format!("{path}[{index}]"), what });
                }
            }
        }
        Ok(())
    }

    fn check_string(
        &mut self,
        schema: &Map<String, Value>,
        text: &str,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Result<(), String> {
        let (shortest, longest) = (count(schema, "minLength"), count(schema, "maxLength"));
        check_count(text.chars().count(), shortest, longest, ("character", "characters"), path, problems);
        if let Some(Value::String(pattern)) = schema.get("pattern")
            && self.matches(pattern, text)? == Some(false)
        {
            problems.push(Problem { path: path.to_owned(), what: What::Other(format!("must match `{pattern}`")) });
        }
        Ok(())
    }

    /// `None` when it cannot be told: not every pattern of JavaScript's is one of ours.
    fn matches(&mut self, pattern: &str, text: &str) -> Result<Option<bool>, String> {
        self.spend(PATTERN_STEPS)?;
        let regex = RegexBuilder::new(pattern).delegate_size_limit(PATTERN_BYTES).backtrack_limit(PATTERN_BYTES).build();
        Ok(regex.ok().and_then(|regex| regex.is_match(text).ok()))
    }

    fn resolve(&self, reference: &str) -> Result<&'a Value, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!("it refers to another document, `{reference}`"));
        };
        self.document.pointer(pointer).ok_or_else(|| format!("it refers to `{reference}`, which it does not have"))
    }

    fn spend(&mut self, steps: usize) -> Result<(), String> {
        self.steps = self.steps.checked_sub(steps).ok_or("to check a configuration against it takes too long")?;
        Ok(())
    }
}

fn check_number(schema: &Map<String, Value>, number: f64, path: &str, problems: &mut Vec<Problem>) {
    let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let mut wrong = |text: String| problems.push(Problem { path: path.to_owned(), what: What::Other(text) });
    if let Some(least) = limit("minimum").filter(|least| number < *least) {
        wrong(format!("must be at least {least}"));
    }
    if let Some(most) = limit("maximum").filter(|most| number > *most) {
        wrong(format!("must be at most {most}"));
    }
    if let Some(below) = limit("exclusiveMinimum").filter(|below| number <= *below) {
        wrong(format!("must be more than {below}"));
    }
    if let Some(above) = limit("exclusiveMaximum").filter(|above| number >= *above) {
        wrong(format!("must be less than {above}"));
    }
}

fn check_count(
    found: usize,
    fewest: Option<u64>,
    most: Option<u64>,
    (one, many): (&str, &str),
    path: &str,
    problems: &mut Vec<Problem>,
) {
    let noun = |limit: u64| if limit == 1 { one } else { many };
    let mut wrong = |text: String| problems.push(Problem { path: path.to_owned(), what: What::Other(text) });
    if let Some(fewest) = fewest.filter(|fewest| (found as u64) < *fewest) {
        wrong(format!("must have at least {fewest} {}", noun(fewest)));
    }
    if let Some(most) = most.filter(|most| found as u64 > *most) {
        wrong(format!("must have at most {most} {}", noun(most)));
    }
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn count(schema: &Map<String, Value>, keyword: &str) -> Option<u64> {
    schema.get(keyword).and_then(Value::as_u64)
}

/// Steps that a keyword's value takes.
fn size(keyword: &Value) -> usize {
    match keyword {
        Value::Array(items) => items.len(),
        Value::Object(items) => items.len(),
        Value::String(text) => text.len() / 64,
        _ => 0,
    }
}

/// The values of `const` or `enum`.
fn choices(schema: &Map<String, Value>) -> Option<&[Value]> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(only), _) => Some(std::slice::from_ref(only)),
        (None, Some(Value::Array(choices))) => Some(choices),
        _ => None,
    }
}

const TYPES: [(&str, &str); 7] = [
    ("null", "null"),
    ("boolean", "a boolean"),
    ("integer", "an integer"),
    ("number", "a number"),
    ("string", "a string"),
    ("array", "an array"),
    ("object", "an object"),
];

/// The types that a `type` names; `None` when one of them is none.
fn types(keyword: &Value) -> Option<Vec<&'static str>> {
    let named = |value: &Value| TYPES.iter().map(|(name, _)| *name).find(|name| value == *name);
    match keyword {
        Value::Array(names) => names.iter().map(named).collect(),
        one => Some(vec![named(one)?]),
    }
}

fn article(name: &str) -> &'static str {
    TYPES.iter().find(|(known, _)| *known == name).map_or("something else", |(_, with)| *with)
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    name_of(value) == name || (name == "number" && value.is_number())
}

/// `2.0` is an integer to JSON Schema.
fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn equal(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && one.as_f64() == other.as_f64())
}

/// A value of the schema's: texts without quotation marks, as a person would name them.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
