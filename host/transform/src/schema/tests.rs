use serde_json::json;

use super::*;

/// The problems as a person reads them.
fn problems(schema: Value, options: Value) -> Vec<String> {
    check(&schema, &options).unwrap().iter().map(OptionProblem::to_string).collect()
}

#[track_caller]
fn only(schema: Value, options: Value) -> String {
    let all = problems(schema, options);
    let [only] = &all[..] else { panic!("{all:#?}") };
    only.clone()
}

fn refusal(schema: Value, options: Value) -> String {
    check(&schema, &options).unwrap_err()
}

/// As schemars writes it for a struct with an enum, a list of structs and limits.
fn timestamps() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "fields": {"type": "array", "items": {"$ref": "#/$defs/Conversion"}, "minItems": 1},
            "window": {"type": "integer", "format": "uint32", "minimum": 1, "maximum": 1000, "default": 10},
            "on_missing": {"$ref": "#/$defs/OnMissing", "default": "reject"},
            "symbol": {"type": ["string", "null"]},
        },
        "additionalProperties": false,
        "required": ["fields"],
        "$defs": {
            "Conversion": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "minLength": 1},
                    "from": {"type": "string", "anyOf": [{"enum": ["unix_s", "iso8601"]}, {"pattern": "%"}]},
                },
                "additionalProperties": false,
                "required": ["field", "from"],
            },
            "OnMissing": {"type": "string", "enum": ["keep", "drop", "reject"]},
        },
    })
}

#[test]
fn options_as_they_should_be_have_no_problems() {
    for options in [
        json!({"fields": [{"field": "t", "from": "unix_s"}]}),
        json!({"fields": [{"field": "t", "from": "%Y"}], "window": 1000, "on_missing": "drop", "symbol": null}),
        json!({"fields": [{"field": "é", "from": "iso8601"}], "window": 2.0, "symbol": "s"}),
    ] {
        assert_eq!(problems(timestamps(), options), Vec::<String>::new());
    }
}

#[test]
fn all_problems_are_told_at_once_each_with_its_path_and_what_is_expected() {
    let options = json!({
        "fields": [{"feild": "t", "from": "unix_s"}, {"field": "", "from": "unixs"}, 7],
        "window": "many", "on_missing": "dorp", "onmissing": "drop", "colour": 1,
    });
    let expected = [
        "`fields[0].feild` is no option; did you mean `field`?",
        "`fields[0].field` is missing",
        "`fields[1].field` must have at least 1 character",
        "`fields[1].from` must be `unix_s`, `iso8601` or match `%`; did you mean `unix_s`?",
        "`fields[2]` must be an object, and is an integer",
        "`window` must be an integer, and is a string",
        "`on_missing` must be `keep`, `drop` or `reject`; did you mean `drop`?",
        "`onmissing` is no option; did you mean `on_missing`?",
        "`colour` is no option; there are `fields`, `window`, `on_missing` and `symbol`",
    ];
    assert_eq!(problems(timestamps(), options), expected);
}

#[test]
fn the_configuration_as_a_whole_may_be_at_fault() {
    assert_eq!(only(timestamps(), json!([])), "must be an object, and is an array");
    assert_eq!(only(timestamps(), json!({})), "`fields` is missing");
    assert_eq!(only(json!(false), json!({})), "may not be given");
    assert!(problems(json!(true), json!({"anything": 1})).is_empty());
    let none = json!({"type": "object", "additionalProperties": false});
    assert_eq!(only(none, json!({"x": 1})), "`x` is no option; there are none here");
}

#[test]
fn one_of_several_options_may_be_needed() {
    let filter = json!({"anyOf": [{"required": ["allow"]}, {"required": ["deny"]}]});
    assert_eq!(only(filter.clone(), json!({})), "needs at least one of `allow` and `deny`");
    assert!(problems(filter.clone(), json!({"deny": []})).is_empty());
    let nested = json!({"properties": {"a": filter}});
    assert_eq!(only(nested, json!({"a": {}})), "`a` needs at least one of `allow` and `deny`");
}

#[test]
fn of_several_forms_the_one_that_was_meant_is_spoken_of() {
    // An enum of Rust's: units as constants, the others by their tag.
    let action = json!({"oneOf": [
        {"const": "keep", "description": "Goes on."},
        {"type": "object", "properties": {"mask": {"type": "string"}}, "required": ["mask"], "additionalProperties": false},
    ]});
    assert!(problems(action.clone(), json!("keep")).is_empty() && problems(action.clone(), json!({"mask": "*"})).is_empty());
    assert_eq!(only(action.clone(), json!({"mask": 1})), "`mask` must be a string, and is an integer");
    assert_eq!(only(action, json!(1)), "must be `keep` or an object");
    let tagged = |tag: &str, option: &str| json!({"properties": {"kind": {"const": tag}, option: {"type": "integer"}}, "required": ["kind", option]});
    let tagged = json!({"oneOf": [tagged("a", "x"), tagged("b", "y")]});
    assert_eq!(only(tagged.clone(), json!({"kind": "b", "y": "1"})), "`y` must be an integer, and is a string");
    assert_eq!(only(tagged.clone(), json!({"kind": "b"})), "`y` is missing");
    let nullable =
        json!({"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}], "$defs": {"N": {"type": "object", "required": ["n"]}}});
    assert!(problems(nullable.clone(), Value::Null).is_empty());
    assert_eq!(only(nullable.clone(), json!({})), "`n` is missing");
    assert_eq!(only(nullable, json!(1)), "must be an object or null");
    let both = json!({"oneOf": [{"type": "integer"}, {"minimum": 1}]});
    assert_eq!(only(both, json!(1)), "fits 2 forms that exclude each other");
}

#[test]
fn a_mistake_within_one_form_is_told_of_that_form() {
    let form = |name: &str, option: &str| {
        json!({
            "type": "object", "required": [name], "additionalProperties": false,
            "properties": {name: {
                "type": "object", "required": ["field", option], "additionalProperties": false,
                "properties": {"field": {"type": "string"}, option: {"enum": ["integer", "string"]}},
            }},
        })
    };
    let schema = json!({"oneOf": [form("rename", "to"), form("cast", "as"), {"type": "string"}]});
    let told = problems(schema.clone(), json!({"cast": {"feild": "a", "as": "integer"}}));
    assert_eq!(told, ["`cast.feild` is no option; did you mean `field`?", "`cast.field` is missing"]);
    let told = problems(schema, json!({"cast": {"field": "a", "as": "float"}}));
    assert_eq!(told, ["`cast.as` must be `integer` or `string`"]);
}

#[test]
fn each_keyword_finds_what_it_is_for() {
    for (schema, options, expected) in [
        (json!({"const": 3}), json!(4), "must be `3`"),
        (json!({"enum": [1.0, "x"]}), json!(true), "must be `1.0` or `x`"),
        (json!({"type": ["integer", "boolean"]}), json!(1.5), "must be an integer or a boolean, and is a number"),
        (json!({"type": "number"}), json!(null), "must be a number, and is null"),
        (json!({"minimum": 1}), json!(0), "must be at least 1"),
        (json!({"maximum": 1.5}), json!(2), "must be at most 1.5"),
        (json!({"exclusiveMinimum": 1}), json!(1), "must be more than 1"),
        (json!({"exclusiveMaximum": 1}), json!(1), "must be less than 1"),
        (json!({"maxLength": 2}), json!("äöü"), "must have at most 2 characters"),
        (json!({"pattern": "^a+$"}), json!("ab"), "must match `^a+$`"),
        (json!({"pattern": "^(?!a)"}), json!("ab"), "must match `^(?!a)`"),
        (json!({"maxItems": 1}), json!([1, 2]), "must have at most 1 item"),
        (json!({"uniqueItems": true}), json!([1, 2, 1.0]), "`[2]` is there already, and each item may be there once"),
        (json!({"prefixItems": [true, false]}), json!([1, 2]), "`[1]` may not be given"),
        (json!({"prefixItems": [true], "items": {"type": "string"}}), json!([1, 2]), "`[1]` must be a string, and is an integer"),
        (json!({"minProperties": 2}), json!({"a": 1}), "must have at least 2 options"),
        (json!({"maxProperties": 0}), json!({"a": 1}), "must have at most 0 options"),
        (json!({"additionalProperties": {"type": "string"}}), json!({"a b": 1}), "`\"a b\"` must be a string, and is an integer"),
        (json!({"patternProperties": {"^x_": {"type": "string"}}}), json!({"x_a": 1}), "`x_a` must be a string, and is an integer"),
        (json!({"allOf": [{"required": ["a"]}, {"required": ["a"]}]}), json!({}), "`a` is missing"),
        (json!({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "string"}}}), json!(1), "must be a string, and is an integer"),
    ] {
        assert_eq!(only(schema.clone(), options), expected, "{schema}");
    }
    let prefixed = json!({"patternProperties": {"^x_": true}, "additionalProperties": false});
    assert!(problems(prefixed.clone(), json!({"x_a": 1})).is_empty());
    assert_eq!(only(prefixed, json!({"y": 1})), "`y` is no option; there are none here");
}

#[test]
fn keywords_that_are_unknown_or_misshapen_say_nothing() {
    let schema = json!({
        "if": false, "then": false, "not": true, "format": "ipv4", "type": "strange", "enum": 3, "properties": [], "required": "a",
        "pattern": "(", "minLength": -1, "anyOf": {}, "unevaluatedProperties": false, "x-own": {"type": "null"},
    });
    assert!(problems(schema.clone(), json!({"a": 1})).is_empty());
    assert!(problems(schema, json!("text")).is_empty());
}

#[test]
fn a_written_value_is_never_repeated() {
    let secret = "hunter2-hunter2";
    let options = json!({"fields": [{"field": "t", "from": secret}], "window": secret, "on_missing": secret, "symbol": [secret]});
    let told = problems(timestamps(), options);
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|problem| !problem.contains("hunter2")), "{told:?}");
}

#[test]
fn a_schema_that_points_elsewhere_is_refused() {
    let text = refusal(json!({"$ref": "https://example.com/schema.json"}), json!({}));
    assert_eq!(text, "it refers to another document, `https://example.com/schema.json`");
    assert_eq!(refusal(json!({"$ref": "#/$defs/X"}), json!({})), "it refers to `#/$defs/X`, which it does not have");
    assert_eq!(refusal(json!("object"), json!({})), "a schema is an object, `true` or `false`");
}

#[test]
fn a_schema_without_end_is_refused_soon() {
    let circle = json!({"$ref": "#"});
    assert_eq!(refusal(circle, json!({})), "it is nested too deeply, or refers to itself");
    // Each level looks at the next one twice.
    let mut levels = Map::new();
    for level in 0..60 {
        let next = json!({"$ref": format!("#/$defs/{}", level + 1)});
        levels.insert(level.to_string(), json!({"allOf": [next, next]}));
    }
    levels.insert("60".to_owned(), json!(true));
    let doubling = json!({"$ref": "#/$defs/0", "$defs": levels});
    assert_eq!(refusal(doubling, json!({})), "to check a configuration against it takes too long");
    let patterns = json!({"allOf": vec![json!({"pattern": "(x+x+)+\\1y"}); 10_000]});
    assert!(refusal(patterns, json!("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")).ends_with("takes too long"));
    // A list of options may be long without being endless.
    let honest = json!({"properties": {"list": {"items": {"type": "string", "minLength": 1}}}});
    assert!(problems(honest, json!({"list": vec!["x"; 10_000]})).is_empty());
}

#[test]
fn no_more_is_told_than_can_be_read() {
    let many: Map<String, Value> = (0..1000).map(|n| (format!("option_{n}"), json!(1))).collect();
    assert_eq!(problems(json!({"additionalProperties": false}), Value::Object(many)).len(), TOLD);
}
