//! What the author of a plugin does, from an empty folder to a component that is tested and measured: `snowgate plugin …`.
//!
//! In reading order: [`project`] is a plugin's folder, [`embedded`] what a new one is made of; [`toolchain`] builds it. [`records`] is how
//! records and answers are written down, [`shown`] runs a component over records and says what became of each; [`test`], [`run`] and
//! [`bench`] stand on both, with [`source`] and [`with`] for what they are given; [`inspect`] reads a component and its [`options`],
//! [`new`] makes a project, in a [`staging`] folder until it is whole. [`report`] is what people and programs see.
//!
//! Everything runs on the gateway's own engine, with its limits and its checks: what passes here passes there.

mod bench;
mod build;
mod embedded;
mod inspect;
mod new;
mod options;
mod project;
mod records;
mod report;
mod run;
mod shown;
mod source;
mod staging;
mod test;
mod toolchain;
mod with;

use clap::Subcommand;

pub use report::{Failure, Kind};

/// `snowgate plugin …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a plugin's project that builds and passes its tests
    ///
    /// The folder appears only when the project in it was built and its tests have passed. The template, the SDK and the
    /// interface come out of this program; what the language's own tools fetch, they fetch.
    #[command(verbatim_doc_comment)]
    New(new::Args),

    /// Build a project's component, and look whether this gateway would load it
    Build(build::Args),

    /// Run a project's test cases on the gateway's engine
    ///
    /// A case is a folder in `tests/`: `input.jsonl`, `expected.jsonl`, and if need be `config.json`, `tables.json` and `limits.json`. Each runs
    /// several times, in batches of several sizes, in the same and in fresh instances; an answer that differs fails it. So does
    /// more fuel for a record than `limits.json` allows. Exit code 1 when a case fails.
    #[command(verbatim_doc_comment)]
    Test(test::Args),

    /// Show records to a component, and what becomes of each
    ///
    /// Records come from a file, from standard input or from a topic, where nothing is committed. Answers are lines as in
    /// `expected.jsonl`.
    #[command(verbatim_doc_comment)]
    Run(run::Args),

    /// Measure what a record costs in a component
    Bench(bench::Args),

    /// Say what a component is, what it may do, and whether this gateway would load it
    ///
    /// Exit code 2 when it would not.
    #[command(verbatim_doc_comment)]
    Inspect(inspect::Args),
}

/// Does what was asked. An error was not shown yet.
pub fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::New(args) => new::execute(&args),
        Command::Build(args) => build::execute(&args),
        Command::Test(args) => test::execute(&args),
        Command::Run(args) => run::execute(&args),
        Command::Bench(args) => bench::execute(&args),
        Command::Inspect(args) => inspect::execute(&args),
    }
}
