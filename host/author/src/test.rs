//! `snowgate plugin test`: a project's cases on the gateway's engine.
//!
//! A case is a folder below `tests/` with an `input.jsonl`. Its answers are compared with `expected.jsonl`, and with each other: all
//! records at once, one by one, in twos and in sevens, in fresh instances and a second time in the same. A plugin whose answers
//! depend on how records are batched, or on what it saw before, would load other rows after a restart.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::build;
use crate::project::{Project, Target};
use crate::records::{Answer, Record, lines};
use crate::report::{self, Failure, bold, counted, done, failed, say, thousands};
use crate::shown::{self, Loaded};

/// Batch sizes besides all at once.
const SIZES: [usize; 3] = [1, 2, 7];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's folder, or a component with its `tests/` beside it
    #[arg(default_value = ".")]
    target: PathBuf,

    /// Write what comes out into `expected.jsonl`
    #[arg(long)]
    bless: bool,

    /// Only cases whose name holds this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Take the component as it was built last
    #[arg(long)]
    no_build: bool,

    /// Print one JSON object: `cases`, each with `name`, `passed`, `records`, `fuel_per_record`, `problems`; `passed`, `failed`
    #[arg(long)]
    json: bool,
}

/// One folder below `tests/`.
pub(crate) struct Case {
    name: String,
    folder: PathBuf,
    pub(crate) config: String,
    /// Those of the pipeline.
    pub(crate) tables: Vec<String>,
    pub(crate) records: Vec<Record>,
    /// `None` before it was blessed.
    expected: Option<Vec<Answer>>,
    limits: CaseLimits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseLimits {
    fuel_per_record: Option<u64>,
}

/// What came of a case.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) records: usize,
    pub(crate) fuel_per_record: u64,
    /// Empty when it passed.
    pub(crate) problems: Vec<String>,
    blessed: bool,
}

pub(crate) fn execute(args: &Args) -> Result<(), Failure> {
    let (component, folder, stateful) = match Target::of(&args.target)? {
        Target::Component { file, folder } => (file, folder, false),
        Target::Project(project) => {
            if !args.no_build {
                build::build(&project, &shown::engine(false)?)?;
            }
            (project.component(), project.folder, project.stateful)
        }
    };
    let outcomes = run(&component, &folder, stateful, args.filter.as_deref(), args.bless)?;
    show(&outcomes, args.json);
    match outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count() {
        0 => Ok(()),
        failed => Err(Failure::failed(format!("{} failed", counted(failed, "case")))),
    }
}

/// Runs the cases of a project that was just built.
pub(crate) fn run_all(project: &Project) -> Result<Vec<Outcome>, Failure> {
    run(&project.component(), &project.folder, project.stateful, None, false)
}

fn run(component: &Path, folder: &Path, stateful: bool, filter: Option<&str>, bless: bool) -> Result<Vec<Outcome>, Failure> {
    if !component.is_file() {
        return Err(Failure::input(format!("there is no `{}`", component.display())).hint("`snowgate plugin build` makes it"));
    }
    let cases = find(&folder.join("tests"), filter)?;
    let engine = shown::engine(true)?;
    // Cases with one configuration share a compilation, which is most of the time.
    let mut loaded: BTreeMap<(String, Vec<String>), Loaded> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for case in cases {
        let given = (case.config.clone(), case.tables.clone());
        let loaded = match loaded.entry(given) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let loaded = Loaded::load(&engine, component, &case.config, &case.tables);
                entry.insert(loaded.map_err(|failure| in_case(&case, failure))?)
            }
        };
        outcomes.push(judge(&case, loaded, stateful, bless)?);
    }
    Ok(outcomes)
}

fn in_case(case: &Case, failure: Failure) -> Failure {
    failure.hint(format!("this is about `{}`, with `tables.json` beside it", case.folder.join("config.json").display()))
}

/// The cases in order of their names.
fn find(tests: &Path, filter: Option<&str>) -> Result<Vec<Case>, Failure> {
    let none = || {
        Failure::input(format!("there is no test case in `{}`", tests.display()))
            .hint("a case is a folder with an `input.jsonl`, one record a line: {\"value\": {\"a\": 1}}")
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(tests)
        .map_err(|_| none())?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|folder| folder.join("input.jsonl").is_file())
        .collect();
    folders.sort();
    let all = folders.len();
    let cases: Vec<Case> = folders
        .into_iter()
        .filter(|folder| filter.is_none_or(|text| folder.file_name().unwrap_or_default().to_string_lossy().contains(text)))
        .map(Case::read)
        .collect::<Result<_, _>>()?;
    match (all, cases.len()) {
        (0, _) => Err(none()),
        (_, 0) => Err(Failure::input(format!("no case in `{}` has `{}` in its name", tests.display(), filter.unwrap_or_default()))),
        _ => Ok(cases),
    }
}

impl Case {
    /// The one of that name, or the one with the largest records.
    pub(crate) fn named(tests: &Path, name: Option<&str>) -> Result<Case, Failure> {
        let cases = find(tests, None)?;
        let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
        let bytes = |case: &Case| {
            let all: usize = case.records.iter().filter_map(|record| record.value.as_ref()).map(Vec::len).sum();
            all / case.records.len()
        };
        let case = cases.into_iter().filter(|case| name.is_none_or(|name| case.name == name)).max_by_key(bytes);
        case.ok_or_else(|| {
            Failure::input(format!("there is no case `{}`", name.unwrap_or_default()))
                .hint(format!("there are {}", names.join(", ")))
        })
    }

    fn read(folder: PathBuf) -> Result<Case, Failure> {
        let records = read(&folder.join("input.jsonl"))?.unwrap_or_default();
        let wrong = |file: &str, why: String| Failure::input(format!("`{}` is wrong: {why}", folder.join(file).display()));
        let records = lines(&records, Record::read).map_err(|why| wrong("input.jsonl", why))?;
        if records.is_empty() {
            return Err(wrong("input.jsonl", "it holds no record".to_owned()));
        }
        if records.iter().any(|record| record.topic != records[0].topic) {
            return Err(wrong("input.jsonl", "its records are of several topics, and a batch is of one".to_owned()));
        }
        let expected = read(&folder.join("expected.jsonl"))?
            .map(|text| lines(&text, Answer::read).map_err(|why| wrong("expected.jsonl", why)))
            .transpose()?;
        let config = read(&folder.join("config.json"))?.unwrap_or_else(|| "{}".to_owned());
        serde_json::from_str::<serde_json::Map<String, Value>>(&config)
            .map_err(|error| wrong("config.json", format!("it is no JSON object: {error}")))?;
        let tables = match read(&folder.join("tables.json"))? {
            Some(text) => serde_json::from_str(&text).map_err(|error| wrong("tables.json", error.to_string()))?,
            None => Vec::new(),
        };
        let limits = match read(&folder.join("limits.json"))? {
            Some(text) => serde_json::from_str(&text).map_err(|error| wrong("limits.json", error.to_string()))?,
            None => CaseLimits::default(),
        };
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Case { name, folder, config, tables, records, expected, limits })
    }
}

/// A file's text, if there is one.
fn read(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::input(format!("could not read `{}`", file.display())).because(&error)),
    }
}

fn judge(case: &Case, loaded: &Loaded, stateful: bool, bless: bool) -> Result<Outcome, Failure> {
    let records = &case.records;
    let mut first = loaded.start()?;
    let answers = first.show(records, records.len())?;
    let fuel_per_record = first.fuel / records.len() as u64;
    let mut problems = Vec::new();
    if bless {
        let text: String = answers.iter().map(|answer| answer.to_line() + "\n").collect();
        let file = case.folder.join("expected.jsonl");
        fs::write(&file, text).map_err(|error| Failure::failed(format!("could not write `{}`", file.display())).because(&error))?;
    } else {
        match &case.expected {
            Some(expected) => problems.extend(differences(records, expected, &answers)),
            None => problems.push("it has no `expected.jsonl`; `--bless` writes what comes out into one".to_owned()),
        }
    }
    let mut same = |how: String, other: Vec<Answer>| {
        if let Some(number) = (0..records.len()).find(|&index| answers[index] != other[index]) {
            problems.push(format!(
                "record {} has another answer {how}: a verdict should follow from the record and the configuration alone\n      all at once  {}\n      {how}  {}",
                number + 1,
                answers[number].to_line(),
                other[number].to_line()
            ));
        }
    };
    if !stateful {
        same("a second time in the same instance".to_owned(), first.show(records, records.len())?);
    }
    same("in another instance".to_owned(), loaded.start()?.show(records, records.len())?);
    for size in SIZES.into_iter().filter(|&size| size < records.len()) {
        same(format!("in batches of {size}"), loaded.start()?.show(records, size)?);
    }
    if let Some(limit) = case.limits.fuel_per_record.filter(|&limit| fuel_per_record > limit) {
        problems.push(format!(
            "a record takes {} units of fuel, and `limits.json` allows {}",
            thousands(fuel_per_record),
            thousands(limit)
        ));
    }
    Ok(Outcome { name: case.name.clone(), records: records.len(), fuel_per_record, problems, blessed: bless })
}

/// What is not as expected, the first few.
fn differences(records: &[Record], expected: &[Answer], answers: &[Answer]) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut problems = Vec::new();
    if expected.len() != answers.len() {
        problems.push(format!("`expected.jsonl` has {} answers for {} records", expected.len(), answers.len()));
    }
    let wrong: Vec<usize> = (0..answers.len().min(expected.len())).filter(|&index| answers[index] != expected[index]).collect();
    for &index in wrong.iter().take(SHOWN) {
        let value = records[index].value.as_deref().map_or("null".into(), String::from_utf8_lossy);
        problems.push(format!(
            "record {}\n      input     {value}\n      expected  {}\n      came out  {}",
            index + 1,
            expected[index].to_line(),
            answers[index].to_line()
        ));
    }
    if wrong.len() > SHOWN {
        problems.push(format!("and {} more", counted(wrong.len() - SHOWN, "record")));
    }
    problems
}

/// Lists the outcomes.
pub(crate) fn show(outcomes: &[Outcome], as_json: bool) {
    let bad = outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count();
    if as_json {
        let cases: Vec<Value> = outcomes
            .iter()
            .map(|outcome| {
                json!({
                    "name": outcome.name, "passed": outcome.problems.is_empty(), "records": outcome.records,
                    "fuel_per_record": outcome.fuel_per_record, "problems": outcome.problems,
                })
            })
            .collect();
        return report::json(&json!({ "cases": cases, "passed": outcomes.len() - bad, "failed": bad }));
    }
    let width = outcomes.iter().map(|outcome| outcome.name.len()).max().unwrap_or(0);
    for outcome in outcomes {
        let Outcome { name, records, fuel_per_record, problems, blessed } = outcome;
        let counted = format!("{name:<width$}  {}, {} fuel a record", counted(*records, "record"), thousands(*fuel_per_record));
        if problems.is_empty() {
            done(if *blessed { "blessed" } else { "passed" }, counted);
        } else {
            failed("failed", counted);
            problems.iter().for_each(|problem| say(format_args!("    {problem}")));
        }
    }
    say(format_args!("\n  {}", bold(&format!("{} passed, {bad} failed", outcomes.len() - bad))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Verdict;

    fn case(files: &[(&str, &str)]) -> Result<Case, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Case::read(folder.path().to_owned()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_case_is_what_its_files_say() {
        let case = case(&[
            ("input.jsonl", "{\"value\": \"a\"}\n\n{\"value\": null}\n"),
            ("expected.jsonl", "{\"verdict\":\"keep\"}\n{\"verdict\":\"drop\"}\n"),
            ("limits.json", "{\"fuel_per_record\": 9}"),
        ])
        .unwrap();
        assert_eq!((case.records.len(), case.expected.unwrap().len(), case.config.as_str()), (2, 2, "{}"));
        assert_eq!(case.limits.fuel_per_record, Some(9));
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        let record = ("input.jsonl", "{\"value\": 1}\n");
        for (files, piece) in [
            (vec![("input.jsonl", "\n")], "input.jsonl` is wrong: it holds no record"),
            (vec![("input.jsonl", "{\"value\": 1}\nx\n")], "input.jsonl` is wrong: line 2"),
            (vec![("input.jsonl", "{\"value\": 1, \"topic\": \"a\"}\n{\"value\": 1}\n")], "several topics"),
            (vec![record, ("expected.jsonl", "{}\n")], "expected.jsonl` is wrong: line 1"),
            (vec![record, ("config.json", "[]")], "config.json` is wrong: it is no JSON object"),
            (vec![record, ("limits.json", "{\"fuel\": 1}")], "limits.json` is wrong"),
            (vec![record, ("tables.json", "\"T\"")], "tables.json` is wrong"),
        ] {
            let text = case(&files).map(|_| ()).unwrap_err();
            assert!(text.contains(piece), "`{piece}` is missing in {text}");
        }
    }

    #[test]
    fn what_is_not_as_expected_is_shown_side_by_side() {
        let records = vec![Record::of_value(b"a"); 5];
        let (kept, dropped) = (Answer::from(Verdict::Keep), Answer::from(Verdict::Drop));
        let keep = vec![kept.clone(); 5];
        assert!(differences(&records, &keep, &keep).is_empty());
        let problems = differences(&records, &keep, &[&[kept][..], &vec![dropped; 4]].concat());
        assert!(problems[0].starts_with("record 2\n      input     a\n      expected  {\"verdict\":\"keep\"}"), "{}", problems[0]);
        assert_eq!(problems.last().unwrap(), "and 1 record more");
        assert!(differences(&records, &keep[..4], &keep)[0].contains("4 answers for 5 records"));
    }
}
