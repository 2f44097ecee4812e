//! A plugin's options as its JSON Schema tells them, for people.
//!
//! The schema is the plugin's own word, and whoever inspects a plugin does not trust it yet: what is printed has no control characters,
//! a schema that refers to itself in a thousand ways is given up, and what has no end in sight is cut short.

use serde_json::Value;

use crate::report::thousands;

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) name: String,
    /// What may be given, such as `string`, `[integer]` or `keep | drop`.
    pub(crate) kind: String,
    pub(crate) default: Option<String>,
    pub(crate) required: bool,
    pub(crate) about: String,
}

/// How far references are followed.
const DEPTH: usize = 8;
/// How many schemas are looked at for one option.
const SCHEMAS: usize = 256;
/// How many alternatives are named, and how much of a single value is shown: a line or two on a screen.
const ALTERNATIVES: usize = 16;
const CHARACTERS: usize = 120;

/// The options at the top of `schema`, in its order.
pub(crate) fn of(schema: &Value) -> Vec<Choice> {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let choice = |(name, property): (&String, &Value)| Choice {
        name: clean(name),
        kind: clean(&kind(schema, property, DEPTH, &mut { SCHEMAS })),
        default: property.get("default").map(|default| clean(&short(default.to_string()))),
        required: required.contains(&name.as_str()),
        about: clean(&property["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")),
    };
    properties.map(choice).collect()
}

fn clean(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn kind(root: &Value, schema: &Value, depth: usize, left: &mut usize) -> String {
    if depth == 0 || *left == 0 {
        return "any".to_owned();
    }
    *left -= 1;
    let mut deeper = |schema: &Value| kind(root, schema, depth - 1, left);
    if let Some(target) = schema["$ref"].as_str().and_then(|target| root.pointer(target.strip_prefix('#')?)) {
        return deeper(target);
    }
    if let Some(fixed) = schema.get("const") {
        return plain(fixed);
    }
    if let Some(values) = schema["enum"].as_array() {
        return either(values, plain);
    }
    if let Some(all) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return either(all, &mut deeper);
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "any".to_owned(),
    };
    let mut one = |name: &str| match name {
        "array" => format!("[{}]", schema.get("items").map_or("any".to_owned(), &mut deeper)),
        "object" => "table".to_owned(),
        other => other.to_owned(),
    };
    either(&names, |name| one(name))
}

/// The alternatives by their kinds, each once. Whatever may be left out may also be null, which nobody wants to read.
fn either<T>(alternatives: &[T], mut kind: impl FnMut(&T) -> String) -> String {
    let mut kinds: Vec<String> = Vec::new();
    let mut alternatives = alternatives.iter();
    while kinds.len() < ALTERNATIVES
        && let Some(alternative) = alternatives.next()
    {
        let kind = kind(alternative);
        if kind != "null" && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if alternatives.len() > 0 {
        kinds.push(format!("… and {} more", thousands(alternatives.len() as u64)));
    }
    kinds.join(" | ")
}

fn plain(value: &Value) -> String {
    short(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_told_in_one_line_each() {
        let schema = json!({
            "required": ["path"],
            "properties": {
                "path": { "type": "string", "description": "Where\n it stands." },
                "names": { "type": "array", "items": { "type": ["string", "integer"] }, "default": [] },
                "on_missing": { "$ref": "#/$defs/OnMissing", "default": "keep" },
                "depth": { "type": ["integer", "null"] },
                "steps": { "type": "array", "items": { "oneOf": [{ "type": "object" }, { "type": "string" }] } },
                "anything": true,
            },
            "$defs": { "OnMissing": { "oneOf": [{ "const": "keep" }, { "enum": ["drop"] }] } },
        });
        let told: Vec<String> = of(&schema).into_iter().map(|it| format!("{} {} {:?}", it.name, it.kind, it.default)).collect();
        assert_eq!(
            told,
            [
                "path string None",
                "names [string | integer] Some(\"[]\")",
                "on_missing keep | drop Some(\"\\\"keep\\\"\")",
                "depth integer None",
                "steps [table | string] None",
                "anything any None",
            ]
        );
        assert!(of(&schema)[0].required && of(&schema)[0].about == "Where it stands.");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema =
            json!({ "properties": { "tree": { "$ref": "#/$defs/Tree" } }, "$defs": { "Tree": { "$ref": "#/$defs/Tree" } } });
        assert_eq!(of(&schema)[0].kind, "any");
        assert_eq!(of(&json!({})), []);
        // In a hundred ways, each time: there is no end to wait for.
        let ways = vec![json!({ "$ref": "#/$defs/Tree" }); 100];
        let schema = json!({ "properties": { "tree": { "anyOf": ways } }, "$defs": { "Tree": { "type": ["array", "null"], "items": { "anyOf": ways } } } });
        assert!(of(&schema)[0].kind.len() < 10_000);
    }

    #[test]
    fn of_a_hundred_thousand_values_the_first_are_named_and_the_others_counted() {
        let values: Vec<String> = (0..100_000).map(|value| format!("v{value}")).collect();
        let constants: Vec<Value> = values.iter().map(|value| json!({ "const": value })).collect();
        let schema = json!({ "properties": { "a": { "enum": values }, "b": { "oneOf": constants }, "c": { "enum": ["x".repeat(500)], "default": values } } });
        let told = of(&schema);
        assert!(told[0].kind.starts_with("v0 | v1 | v2") && told[0].kind.ends_with("v15 | … and 99,984 more"), "{}", told[0].kind);
        assert_eq!(told[1].kind, told[0].kind);
        assert_eq!(told[2].kind, format!("{}…", "x".repeat(120)));
        assert_eq!(told[2].default.as_ref().map(|default| default.chars().count()), Some(121));
    }

    #[test]
    fn nothing_that_is_printed_is_for_the_terminal_itself() {
        let schema =
            json!({ "properties": { "a\u{1b}[2J": { "enum": ["b\u{7}"], "description": "c\u{1b}]0;d", "default": "\u{1b}" } } });
        let told = format!("{:?}", of(&schema).into_iter().map(|it| [it.name, it.kind, it.about]).collect::<Vec<_>>());
        assert_eq!(told, r#"[["a [2J", "b ", "c ]0;d"]]"#);
    }
}
