//! `cargo xtask test`: everything that can be tested on this machine, and by name what cannot.
//!
//! Four suites: the host workspace's unit tests and doctests, the guest workspace's tests, the end-to-end tests with the real
//! binaries, which this command builds and names in the environment, and a plugin from nothing to rows in each language. Ends with the sum as a plain line, `N passed, N failed`; a run in
//! which nothing was tested is a failed run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kafka::{self, Kind, Lease};
use crate::process::logged;
use crate::terminal::{count, done, failed, say, skipped, title};
use crate::workspace::Workspace;
use crate::{Outcome, build, languages, plugins, wasm_target};

/// Lines shown of what a failed test printed.
const SHOWN: usize = 150;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// A suite that cannot run here is a failure
    #[arg(long)]
    require_all: bool,
    /// The broker of the end-to-end tests
    #[arg(long, value_enum, default_value_t)]
    kafka: Kind,
}

impl Args {
    /// As CI runs it.
    pub(crate) fn everything() -> Args {
        Args { filter: None, require_all: true, kafka: Kind::Embedded }
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    title("Tests");
    plugins::run(workspace)?;
    let mut sum = Sum::default();
    let filter = args.filter.as_deref();

    let mut host = workspace.cargo();
    host.args(["test", "--locked", "--release", "--no-fail-fast", "--workspace", "--exclude", "snowgate-e2e"]).args(filter);
    host.env("SNOWGATE_PLUGINS", workspace.plugins());
    suite(workspace, "unit tests", &mut host, &mut sum)?;
    let mut guests = workspace.guest_cargo();
    guests.args(["test", "--locked", "--release", "--no-fail-fast", "--workspace"]).args(filter);
    suite(workspace, "plugin tests", &mut guests, &mut sum)?;
    end_to_end(workspace, args.kafka, filter, &mut sum)?;
    languages(workspace, filter, &mut sum)?;
    sum.conclude(args.require_all)
}

/// The end-to-end tests alone, on Apache Kafka, which must be there.
pub(crate) fn run_end_to_end_on_apache(workspace: &Workspace) -> Outcome {
    title("End to end on Apache Kafka");
    wasm_target::ensure(workspace)?;
    plugins::build(workspace)?;
    let mut sum = Sum::default();
    end_to_end(workspace, Kind::Apache, None, &mut sum)?;
    sum.conclude(true)
}

fn end_to_end(workspace: &Workspace, kind: Kind, filter: Option<&str>, sum: &mut Sum) -> Outcome {
    let label = match kind {
        Kind::Embedded => "end to end, embedded broker",
        Kind::Apache => "end to end, Apache Kafka",
    };
    if kind == Kind::Apache
        && let Some(missing) = kafka::missing()
    {
        skipped(label, missing);
        sum.skipped.push(label);
        return Ok(());
    }
    let killable = build::killable(workspace)?;
    build::programs(workspace)?;
    let lease = if kind == Kind::Apache { Some(Lease::take()?) } else { None };
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--locked", "--release", "--no-fail-fast", "--workspace", "--test", "e2e"]).args(filter);
    cargo
        .env("SNOWGATE_BIN", workspace.binary("snowgate"))
        .env("SNOWGATE_KILLABLE_BIN", killable)
        .env("SNOWGATE_SANDBOX_BIN", workspace.binary("snowgate-sandbox"))
        .env("SNOWGATE_PLUGINS", workspace.plugins())
        .env("SNOWGATE_E2E_KAFKA", if lease.is_some() { "apache" } else { "embedded" });
    if let Some(lease) = &lease {
        cargo.env("KAFKA_BOOTSTRAP", lease.bootstrap()).envs(lease.secure());
    }
    suite(workspace, label, &mut cargo, sum)
}

/// Plugins in the languages that this machine has the tools of, or can get them.
fn languages(workspace: &Workspace, filter: Option<&str>, sum: &mut Sum) -> Outcome {
    let tools = languages::install(workspace)?;
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--locked", "--release", "--no-fail-fast", "--workspace", "--test", "languages"]).args(filter).arg("--");
    for (language, missing) in &tools.missing {
        skipped(language.label, missing);
        sum.skipped.push(language.label);
        cargo.args(["--skip", language.tests]);
    }
    cargo
        .env("PATH", &tools.path)
        .env("SNOWGATE_BIN", workspace.binary("snowgate"))
        .env("SNOWGATE_SANDBOX_BIN", workspace.binary("snowgate-sandbox"))
        .env("SNOWGATE_PLUGINS", workspace.plugins());
    suite(workspace, "languages", &mut cargo, sum)
}

/// Runs `cargo test` and adds up what it says.
fn suite(workspace: &Workspace, label: &'static str, cargo: &mut Command, sum: &mut Sum) -> Outcome {
    let log = workspace.scratch("logs").join(format!("{}.log", label.replace([' ', ','], "-").replace("--", "-")));
    // What failed is said by the test; where rustc's own frames stand is no help.
    cargo.env("RUST_BACKTRACE", "0");
    let status = logged(label, cargo, &log)?;
    let text = fs::read_to_string(&log).map_err(|error| format!("could not read `{}`: {error}", log.display()))?;
    let binaries = parse(&text);
    let mut in_suite = Counts::default();
    for binary in &binaries {
        in_suite.add(binary.counts);
        if binary.counts.failed > 0 || !binary.finished {
            report(binary, &log);
        }
    }
    sum.counts.add(in_suite);
    let ran = binaries.iter().filter(|binary| binary.counts.passed + binary.counts.failed > 0).count() as u64;
    let said = format!("{label:<28} {} in {}", in_suite.said(), count(ran, "binary").replace("binarys", "binaries"));
    let whole = status.success() && binaries.iter().all(|binary| binary.finished);
    if whole {
        done("passed", said)
    } else {
        failed("failed", said)
    }
    if !whole && in_suite.failed == 0 {
        // It did not compile, or a test took its process down.
        let end: Vec<_> = text.lines().rev().take(SHOWN / 3).collect();
        end.iter().rev().for_each(|line| say(format_args!("    {line}")));
        sum.broken.push(label);
    }
    Ok(())
}

fn report(binary: &Binary, log: &Path) {
    failed("failed", format_args!("{} (the whole log: {})", binary.name, log.display()));
    let lines: Vec<_> = binary.text.lines().skip_while(|line| *line != "failures:").collect();
    lines.iter().take(SHOWN).for_each(|line| say(format_args!("    {line}")));
    if lines.len() > SHOWN {
        say(format_args!("    … {}", count((lines.len() - SHOWN) as u64, "more line")));
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    fn said(&self) -> String {
        let ignored = if self.ignored > 0 { format!(", {} ignored", self.ignored) } else { String::new() };
        format!("{} passed, {} failed{ignored}", self.passed, self.failed)
    }
}

/// All suites together.
#[derive(Default)]
struct Sum {
    counts: Counts,
    skipped: Vec<&'static str>,
    /// Suites that did not come to an end by themselves.
    broken: Vec<&'static str>,
}

impl Sum {
    fn conclude(&self, require_all: bool) -> Outcome {
        let Counts { passed, failed, .. } = self.counts;
        if !self.skipped.is_empty() {
            say(format_args!("\nskipped: {}", self.skipped.join(", ")));
        }
        say(format_args!("\n{passed} passed, {failed} failed"));
        self.verdict(require_all)
    }

    fn verdict(&self, require_all: bool) -> Outcome {
        let Counts { passed, failed, .. } = self.counts;
        if !self.broken.is_empty() {
            return Err(format!("not run to the end: {}", self.broken.join(", ")));
        }
        if failed > 0 {
            return Err(count(failed, "test") + " failed");
        }
        if passed == 0 {
            return Err("nothing was tested".to_owned());
        }
        if require_all && !self.skipped.is_empty() {
            return Err(format!("required, but could not run here: {}", self.skipped.join(", ")));
        }
        Ok(())
    }
}

/// What one test binary, or one crate's doctests, printed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Binary {
    name: String,
    counts: Counts,
    /// It printed its result; one that was killed did not.
    finished: bool,
    text: String,
}

/// Takes what `cargo test` printed apart.
fn parse(text: &str) -> Vec<Binary> {
    let mut binaries: Vec<Binary> = Vec::new();
    for line in text.lines() {
        if let Some(name) = heading(line) {
            binaries.push(Binary { name, ..Binary::default() });
        } else if let Some(binary) = binaries.last_mut() {
            if let Some(counts) = result(line) {
                binary.counts.add(counts);
                binary.finished = true;
            }
            binary.text.push_str(line);
            binary.text.push('\n');
        }
    }
    binaries
}

/// The name in `Running unittests src/lib.rs (…/deps/snowgate_record-0123456789abcdef)` or `Doc-tests snowgate_record`.
fn heading(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(crate_name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{crate_name} (doctests)"));
    }
    let file = PathBuf::from(line.strip_prefix("Running ")?.rsplit_once('(')?.1.strip_suffix(')')?);
    let name = file.file_name()?.to_string_lossy().into_owned();
    Some(name.rsplit_once('-').map_or(name.clone(), |(name, _)| name.to_owned()))
}

/// The counts in `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; …`.
fn result(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |what: &str| {
        let before = rest.split(';').find_map(|part| part.strip_suffix(what))?;
        before.trim_end().rsplit(' ').next()?.parse().ok()
    };
    Some(Counts { passed: number("passed")?, failed: number("failed")?, ignored: number("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "   Compiling a v0.1.0
     Running unittests src/lib.rs (target/release/deps/snowgate_record-0123456789abcdef)

running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----
no

test result: FAILED. 1 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/main.rs (target/release/deps/e2e-fedcba9876543210)

running 1 test
   Doc-tests snowgate_record

running 0 tests

test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn results_are_added_up_by_binary() {
        let binaries = parse(PRINTED);
        let names: Vec<_> = binaries.iter().map(|binary| (binary.name.as_str(), binary.finished)).collect();
        assert_eq!(names, [("snowgate_record", true), ("e2e", false), ("snowgate_record (doctests)", true)]);
        assert_eq!(binaries[0].counts, Counts { passed: 1, failed: 1, ignored: 3 });
        assert_eq!(binaries[2].counts.passed, 4);
        assert!(binaries[0].text.contains("---- b stdout ----"));
    }

    #[test]
    fn a_run_that_tests_nothing_fails() {
        assert_eq!(Sum::default().verdict(false), Err("nothing was tested".to_owned()));
    }

    #[test]
    fn a_skipped_suite_fails_only_where_all_are_required() {
        let sum = Sum { counts: Counts { passed: 1, ..Counts::default() }, skipped: vec!["end to end"], broken: vec![] };
        assert_eq!(sum.verdict(false), Ok(()));
        assert_eq!(sum.verdict(true), Err("required, but could not run here: end to end".to_owned()));
    }
}
