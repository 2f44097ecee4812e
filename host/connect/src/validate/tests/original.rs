//! Every recorded answer of the Snowflake connector, against ours.

use super::differences::{Difference, VERSION_3, VERSION_4, Why};
use super::*;
use crate::plugins::PluginKind;

fn folder(line: &str) -> PathBuf {
    PathBuf::from(format!("{}/../../tests/fixtures/connect/captures/{line}", env!("CARGO_MANIFEST_DIR")))
}

fn steps(line: &str, scenario: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder(line).join(format!("{scenario}.json"))).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["steps"].as_array().unwrap().clone()
}

/// The scenarios that validate, by name.
fn scenarios(line: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder(line)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_prefix("variant-")?.strip_suffix(".json")?.to_owned())).collect();
    names.sort();
    names
}

/// The configuration that was validated, with real keys in the place of those that were thrown away.
fn posted(step: &Value) -> ConfigMap {
    let body: ConfigMap = serde_json::from_str(step["request"]["body"].as_str().unwrap()).unwrap();
    let bare = |name: &str| key(name).lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    let real = |text: String| match text.as_str() {
        "<key>" => bare("pkcs8"),
        "<key_pem>" => key("pkcs8"),
        "<key_pkcs1_pem>" => key("pkcs1"),
        "<key_ec>" => bare("ec"),
        "<key_public>" => bare("public"),
        "<key_encrypted>" => bare("encrypted"),
        "<key_encrypted_pem>" => key("encrypted"),
        other => {
            assert!(!other.starts_with("<key"), "{other}");
            text
        }
    };
    body.into_iter().map(|(key, value)| (key, value.map(real))).collect()
}

fn without_documentation(definition: &Value) -> Value {
    let mut definition = definition.clone();
    definition.as_object_mut().map(|definition| definition.shift_remove("documentation"));
    definition
}

/// A difference as it is compared with the declared ones: scenario, key, and our errors where those differ.
type Found = (String, String, Vec<String>);

/// What differs: the key, and our errors.
fn compared(theirs: &Value, ours: &Value, definitions: &BTreeMap<String, Value>) -> Vec<(String, Vec<String>)> {
    let name = |config: &Value| config["value"]["name"].as_str().unwrap().to_owned();
    let list = |answer: &Value| answer["configs"].as_array().unwrap().clone();
    let texts = |config: &Value| -> Vec<String> { serde_json::from_value(config["value"]["errors"].clone()).unwrap() };
    let (undeclared, declared): (Vec<Value>, Vec<Value>) =
        list(ours).into_iter().partition(|config| config["definition"].is_null());
    let names = |list: &[Value]| list.iter().map(name).collect::<Vec<_>>();
    assert_eq!(names(&declared), names(&list(theirs)));
    assert_eq!(ours["name"], theirs["name"]);
    assert_eq!(ours["groups"], theirs["groups"]);
    for answer in [ours, theirs] {
        assert_eq!(answer["error_count"], list(answer).iter().map(|config| texts(config).len()).sum::<usize>());
    }
    let mut differences: Vec<_> = undeclared.iter().map(|config| (name(config), texts(config))).collect();
    for (ours, theirs) in declared.iter().zip(list(theirs)) {
        let key = name(ours);
        // What is as in the first scenario was not recorded again.
        let definition = theirs.get("definition").map(without_documentation).unwrap_or_else(|| definitions[&key].clone());
        assert_eq!(without_documentation(&ours["definition"]), definition);
        let mut recommended = theirs["value"]["recommended_values"].clone();
        if key.ends_with(".converter") {
            let is_ours = |class: &Value| plugins::find(class.as_str().unwrap(), PluginKind::Converter).is_some();
            recommended.as_array_mut().unwrap().retain(|class| is_ours(class) || key == "header.converter");
        }
        assert_eq!(ours["value"]["recommended_values"], recommended, "{key}");
        assert_eq!(ours["value"]["value"], theirs["value"]["value"], "{key}");
        assert_eq!(ours["value"]["visible"], theirs["value"]["visible"], "{key}");
        if texts(ours) != texts(&theirs) {
            differences.push((key, texts(ours)));
        }
    }
    differences
}

/// Replays a line: what differs, and how many scenarios there were.
fn replayed(line: &str) -> (Vec<Found>, usize) {
    let full = &steps(line, "variant-user-config")[0]["response"]["json"];
    let named =
        |config: &Value| (config["definition"]["name"].as_str().unwrap().to_owned(), without_documentation(&config["definition"]));
    let definitions: BTreeMap<String, Value> = full["configs"].as_array().unwrap().iter().map(named).collect();
    let mut all = Vec::new();
    let scenarios = scenarios(line);
    for scenario in &scenarios {
        let step = &steps(line, &format!("variant-{scenario}"))[0];
        let ours = validate(&posted(step), &worker()).unwrap();
        let differences = match step["response"]["status"].as_u64().unwrap() {
            200 => compared(&step["response"]["json"], &serde_json::to_value(&ours).unwrap(), &definitions),
            500 => errors(&ours).into_iter().map(|(key, error)| (key, vec![error])).collect(),
            status => panic!("{scenario}: {status}"),
        };
        all.extend(differences.into_iter().map(|(key, ours)| (scenario.clone(), key, ours)));
    }
    (all, scenarios.len())
}

/// What the original says when the connector starts.
fn trace(line: &str, scenario: &str) -> String {
    let steps = steps(line, &format!("variant-{scenario}"));
    steps.iter().filter_map(|step| step["response"]["json"]["connector"]["trace"].as_str()).collect()
}

fn assert_declared(line: &str, found: &[Found], declared: &[Difference]) {
    let mut names: Vec<_> = found.iter().map(|(scenario, key, _)| (scenario.as_str(), key.as_str())).collect();
    let mut expected: Vec<_> = declared.iter().map(|difference| (difference.scenario, difference.key)).collect();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    for difference in declared {
        let (.., ours) = found.iter().find(|(scenario, key, _)| scenario == difference.scenario && key == difference.key).unwrap();
        match difference.ours {
            "" => assert_eq!(*ours, Vec::<String>::new(), "{}", difference.scenario),
            text => assert!(matches!(&ours[..], [error] if error.contains(text)), "{}: {ours:?}", difference.scenario),
        }
        if difference.why == Why::OnlyAtStart {
            assert!(trace(line, difference.scenario).contains(&ours[0]), "{}: {ours:?}", difference.scenario);
        }
    }
}

#[test]
fn version_3_is_answered_as_the_original_does_but_for_the_declared_differences() {
    let (found, scenarios) = replayed("snowflake-v3");
    assert_eq!((scenarios, found.len()), (90, 29));
    assert_declared("snowflake-v3", &found, VERSION_3);
}

#[test]
fn version_4_is_answered_as_the_original_does_but_for_the_declared_differences() {
    let (found, scenarios) = replayed("snowflake-v4");
    let (unsaid, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, key, _)| key == "snowflake.enable.schematization");
    assert_eq!((scenarios, found.len(), unsaid.len()), (90, 24, 83));
    assert_declared("snowflake-v4", &found, VERSION_4);
    let start = trace("snowflake-v4", "user-config");
    for (scenario, _, ours) in unsaid {
        assert!(ours.last().is_some_and(|error| start.contains(error)), "{scenario}: {ours:?}");
        let given =
            posted(&steps("snowflake-v4", &format!("variant-{scenario}"))[0]).contains_key("snowflake.enable.schematization");
        assert!(!given, "{scenario}");
    }
}

#[test]
fn the_keys_of_a_connector_are_listed_as_the_original_lists_them() {
    for (line, class, keys) in [("snowflake-v3", plugins::SINK_V3, 70), ("snowflake-v4", plugins::SINK_V4, 69)] {
        let theirs = &steps(line, "plugin-config")[0]["response"]["json"];
        let ours: Vec<Definition> = plugins::definition(class).unwrap().iter().map(Definition::from).collect();
        assert_eq!(ours.len(), keys);
        for (ours, theirs) in ours.iter().zip(theirs.as_array().unwrap()) {
            assert_eq!(without_documentation(&serde_json::to_value(ours).unwrap()), without_documentation(theirs));
        }
        assert_eq!(theirs.as_array().unwrap().len(), keys);
    }
}
