//! The tables of `docs/connect.md`, made of what the code knows, so that the page cannot say anything else.
//!
//! `SNOWGATE_DOCS=write cargo test -p snowgate-connect docs::` writes them anew. Every test that the page names must be there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config_def::{Key, framework, snowflake_v3, snowflake_v4};
use crate::herder::memory::{login, worker};
use crate::openapi::OPENAPI;
use crate::rest::tests::differences::DIFFERENCES;
use crate::rest::tests::{send, served};
use crate::smt::tests::vectors::File;
use crate::validate::tests::differences::{VERSION_3, VERSION_4};
use crate::worker::{Handling, worker_verdicts};
use crate::{converter, predicate, smt, verdicts};

mod backing;

use backing::{CLIENTS, CONVERTERS, ENDPOINTS, KEYS, REFUSED_CONVERTERS, WORKER};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A table of Markdown.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line =
        |cells: &[String]| format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = format!("|{}\n", " --- |".repeat(head.len()));
    let rows: String = rows.into_iter().map(|row| line(&row)).collect();
    format!("{}{rule}{rows}", line(&head))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Names with blanks between them, as code.
fn tests(names: &str) -> String {
    names.split_whitespace().map(code).collect::<Vec<_>>().join(", ")
}

fn endpoints() -> String {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let methods = ["get", "post", "put", "patch", "delete"];
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.keys().filter(|key| methods.contains(&key.as_str())).map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let listed: BTreeSet<String> = ENDPOINTS.iter().map(|(endpoint, ..)| (*endpoint).to_owned()).collect();
    assert_eq!(listed, described);
    table(
        &["endpoint", "verdict", "shown by"],
        ENDPOINTS.iter().map(|(endpoint, verdict, names)| vec![code(endpoint), (*verdict).to_owned(), tests(names)]),
    )
}

/// Which of Connect and the two lines of the connector have a key.
fn homes() -> BTreeMap<String, Vec<&'static str>> {
    let mut homes: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    let undeclared = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let framework: Vec<String> = framework::keys("1").into_iter().map(|key| key.name.into_owned()).collect();
    let of = |keys: Vec<Key>| keys.into_iter().map(|key| key.name.into_owned()).collect::<Vec<_>>();
    for (home, keys) in [
        ("Connect", framework),
        ("3", [of(snowflake_v3::keys()), undeclared(&snowflake_v3::UNDECLARED)].concat()),
        ("4", [of(snowflake_v4::keys()), undeclared(&snowflake_v4::UNDECLARED)].concat()),
    ] {
        for key in keys {
            homes.entry(key).or_default().push(home);
        }
    }
    homes
}

fn keys() -> String {
    let homes = homes();
    let rows = verdicts::all().map(|(key, verdict)| {
        let home = homes.get(key).map_or("Connect".to_owned(), |homes| homes.join(", "));
        let own = KEYS.iter().find(|(known, _)| *known == key).map(|(_, names)| tests(names));
        let checked = || {
            let marks: Vec<&str> = [("Connect", "K"), ("3", "V3"), ("4", "V4")]
                .iter()
                .filter_map(|(name, mark)| home.split(", ").any(|home| home == *name).then_some(*mark))
                .collect();
            marks.join(", ")
        };
        let shown = if key.ends_with('.') { format!("{key}*") } else { key.to_owned() };
        vec![code(&shown), home.clone(), verdict.word().to_owned(), verdict.reason().to_owned(), own.unwrap_or_else(checked)]
    });
    table(&["key", "of", "verdict", "to what, or why", "shown by"], rows)
}

fn worker_keys() -> String {
    let rows = worker_verdicts().iter().map(|verdict| {
        let (word, why) = match verdict.handling {
            Handling::Honoured => ("honoured", ""),
            Handling::Mapped(how) => ("mapped", how),
            Handling::NotNeeded(why) => ("not needed", why),
        };
        let own = WORKER.iter().find(|(known, _)| *known == verdict.key).map_or("W", |(_, names)| names);
        let shown = if own == "W" { own.to_owned() } else { tests(own) };
        vec![code(verdict.key), word.to_owned(), why.to_owned(), shown]
    });
    table(&["property", "verdict", "to what, or why", "shown by"], rows)
}

/// `InsertField` as `insert_field`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

fn transforms() -> String {
    let mut names: Vec<(&str, Vec<&str>)> = Vec::new();
    for class in smt::CLASSES {
        let simple = class.rsplit('.').next().unwrap();
        let (name, form) = simple.split_once('$').map_or((simple, None), |(name, form)| (name, Some(form)));
        match names.last_mut().filter(|(last, _)| *last == name) {
            Some((_, forms)) => forms.extend(form),
            None => names.push((name, form.into_iter().collect())),
        }
    }
    let rows = names.into_iter().map(|(name, forms)| {
        let verdict =
            if name == "TimestampRouter" { "honoured, with the tables that `snowflake.topic2table.map` names" } else { "honoured" };
        let count = File::read(name).vectors.len().to_string();
        let forms = forms.iter().map(|form| code(&format!("${form}"))).collect::<Vec<_>>().join(", ");
        let more = match name {
            "RegexRouter" => {
                " validate::tests::transforms::routers_behind_predicates_may_lead_to_as_many_tables_as_there_are_channels_for e2e::connect_routers::tombstones_are_in_a_table_of_their_own_once_each_after_a_kill"
            }
            "TimestampRouter" => " validate::tests::transforms::topics_without_end_need_a_map_that_names_their_tables e2e::connect_routers::topics_named_by_time_are_loaded_into_the_one_table_of_the_map_after_a_kill",
            _ => "",
        };
        vec![
            code(name),
            forms,
            verdict.to_owned(),
            count,
            tests(&format!("smt::tests::{}_does_as_the_original{more}", snake(name))),
        ]
    });
    table(&["transform", "forms", "verdict", "records compared", "shown by"], rows)
}

fn predicates() -> String {
    let rows = predicate::CLASSES.iter().map(|class| {
        let name = class.rsplit('.').next().unwrap();
        let count = File::read(&format!("predicate-{name}")).vectors.len().to_string();
        vec![code(name), "honoured".to_owned(), count, tests(&format!("predicate::tests::{}_does_as_the_original", snake(name)))]
    });
    table(&["predicate", "verdict", "records compared", "shown by"], rows)
}

fn converters() -> String {
    let classes: BTreeSet<&str> = converter::CLASSES.iter().chain(converter::HEADER_CLASSES).copied().collect();
    let taken = classes.into_iter().map(|class| {
        let of = [(converter::CLASSES, "keys, values"), (converter::HEADER_CLASSES, "headers")];
        let of: Vec<&str> = of.iter().filter(|(classes, _)| classes.contains(&class)).map(|(_, what)| *what).collect();
        let simple = class.rsplit('.').next().unwrap();
        let names = CONVERTERS.iter().find(|(name, _)| *name == simple).or(CONVERTERS.last()).unwrap().1;
        vec![code(class), of.join(", "), "honoured".to_owned(), tests(names)]
    });
    let refused = REFUSED_CONVERTERS.iter().map(|class| {
        let why = converter::refusal(class).unwrap_or_else(|| panic!("{class}"));
        let why = why.split_once(" is not supported: ").unwrap().1.to_owned();
        let test = tests("converter::tests::a_converter_with_a_registry_is_refused_with_what_to_do");
        vec![code(class), "keys, values".to_owned(), format!("refused: {why}"), test]
    });
    table(&["converter", "for", "verdict", "shown by"], taken.chain(refused))
}

fn clients() -> String {
    let folder = root().join("tests/conformance/connect");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = files
        .filter_map(|file| Some(file.strip_prefix("requirements-")?.strip_suffix(".txt")?.to_owned()))
        .filter(|name| folder.join(format!("{name}.py")).is_file())
        .collect();
    let clients = names.iter().map(|name| {
        let requirements = read(&format!("tests/conformance/connect/requirements-{name}.txt"));
        let version = requirements.lines().find_map(|line| line.strip_prefix(&format!("{name}=="))).unwrap().trim();
        let script = read(&format!("tests/conformance/connect/{name}.py"));
        let what = script.lines().nth(1).unwrap().trim_matches('"').split_once(": ").unwrap().1;
        let what = what.trim_end_matches(['.', '"']);
        vec![
            format!("{name} {version}"),
            "works unchanged".to_owned(),
            what.to_owned(),
            code(&format!("cargo xtask conformance connect --only {name}")),
        ]
    });
    let others = CLIENTS
        .iter()
        .map(|(client, what, command)| vec![(*client).to_owned(), "works unchanged".to_owned(), (*what).to_owned(), code(command)]);
    table(&["client", "verdict", "what is driven", "shown by"], clients.chain(others))
}

/// What the commands that people type print: a POST of the connector that people have, and its status.
async fn typed() -> [Value; 2] {
    let folder = tempfile::tempdir().unwrap();
    let (_, herder, router) = served(worker(folder.path()));
    herder.start_all().await;
    let login = login();
    let key = &login.iter().find(|(key, _)| key == "snowflake.private.key").unwrap().1;
    let seed = read("tests/fixtures/connect/snowflake-sink.json").replace("@private_key@", key).replace("@user@", "LOADER");
    let seed = seed.replace("@url@", "https://myorg-myacct.snowflakecomputing.com:443");
    let (status, created) = send(&router, "POST", "/connectors", Some(serde_json::from_str(&seed).unwrap())).await;
    assert_eq!(status, 201, "{created}");
    let status = send(&router, "GET", "/connectors/snowflake-sink/status", None).await.1;
    assert_eq!(status["connector"]["state"], "RUNNING", "{status}");
    [created, status]
}

/// What is printed, but for its line breaks.
fn printed(index: usize) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answers = runtime.block_on(typed());
    format!("```json\n{}\n```\n", serde_json::to_string_pretty(&answers[index]).unwrap())
}

/// Its name on the page, and what writes it.
type Section = (&'static str, fn() -> String);

fn rendered(page: &str) -> String {
    let sections: [Section; 9] = [
        ("created", || printed(0)),
        ("status", || printed(1)),
        ("endpoints", endpoints),
        ("keys", keys),
        ("worker", worker_keys),
        ("transforms", transforms),
        ("predicates", predicates),
        ("converters", converters),
        ("clients", clients),
    ];
    let mut page = page.to_owned();
    for (name, render) in sections {
        let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->\n"));
        let start = page.find(&begin).unwrap_or_else(|| panic!("the page has no section {name}")) + begin.len();
        let stop = page.find(&end).unwrap_or_else(|| panic!("section {name} has no end"));
        page.replace_range(start..stop, &render());
    }
    page
}

#[test]
fn the_tables_of_the_page_are_those_of_the_code() {
    let path = root().join("docs/connect.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let rendered = rendered(&page);
    if std::env::var("SNOWGATE_DOCS").is_ok_and(|word| word == "write") {
        std::fs::write(&path, &rendered).unwrap();
        return;
    }
    assert!(
        page == rendered,
        "docs/connect.md is not what the code says; run SNOWGATE_DOCS=write cargo test -p snowgate-connect docs::"
    );
}

/// Whether the test, by the path of its module in this crate or as `e2e::file::name`, or the capture, as `replay:id`, is there.
fn is_there(name: &str) -> bool {
    if let Some(id) = name.strip_prefix("replay:") {
        return root().join(format!("tests/fixtures/connect/captures/{id}.json")).is_file();
    }
    let Some((module, test)) = name.rsplit_once("::") else { return false };
    let files = match module.split_once("::") {
        Some(("e2e", file)) => vec![root().join(format!("tests/e2e/tests/{file}.rs"))],
        _ => {
            let source = root().join("host/connect/src");
            let file = |module: &str| source.join(format!("{}.rs", module.replace("::", "/")));
            vec![file(module), file(module.strip_suffix("::tests").unwrap_or(module))]
        }
    };
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    // Some are made by a macro, of a list of names.
    texts.into_iter().any(|text| text.contains(&format!("fn {test}(")) || text.contains(&format!("    {test}: \"")))
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let page = read("docs/connect.md");
    let quoted = page.lines().filter(|line| !line.starts_with("```")).flat_map(|line| line.split('`').skip(1).step_by(2));
    let named: BTreeSet<&str> = quoted
        .filter(|text| !text.ends_with('…') && ["tests::", "e2e::", "replay:"].iter().any(|mark| text.contains(mark)))
        .collect();
    let missing: Vec<_> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named.len() > 100, "{}", named.len());
    assert!(!is_there("smt::tests::no_such_test") && !is_there("replay:no-such-capture"));
}

#[test]
fn nothing_is_backed_that_is_not_in_a_table() {
    let keys: BTreeSet<&str> = verdicts::all().map(|(key, _)| key).collect();
    let worker: BTreeSet<&str> = worker_verdicts().iter().map(|verdict| verdict.key).collect();
    assert_eq!(KEYS.iter().map(|(key, _)| *key).filter(|key| !keys.contains(key)).collect::<Vec<_>>(), Vec::<&str>::new());
    assert_eq!(WORKER.iter().map(|(key, _)| *key).filter(|key| !worker.contains(key)).collect::<Vec<_>>(), Vec::<&str>::new());
}

/// A difference that the tests declare and the page passes over would be a surprise: their number stands on the page.
#[test]
fn the_page_counts_the_differences_that_the_tests_declare() {
    let page = read("docs/connect.md");
    let declared = DIFFERENCES.len();
    assert!(page.contains(&format!("{declared} answers differ")), "{declared}");
    let validations = VERSION_3.len() + VERSION_4.len();
    assert!(page.contains(&format!("{validations} differences")), "{validations}");
}
