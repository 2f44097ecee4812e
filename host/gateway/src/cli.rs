//! The command line. What a person can ask for, and nothing that belongs in the configuration file.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Loads Kafka records into Snowflake, each once, through WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(
    name = "snowgate",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, 1 failed while running, 2 the configuration is wrong, 3 Kafka or Snowflake cannot be reached."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the pipelines of the configuration until told to stop (SIGTERM or ctrl-c)
    ///
    /// Stopping finishes what is on its way to Snowflake, for as long as `shutdown.grace` allows. Asked
    /// twice, it stops at once. Either way no record is lost or doubled: what was not finished is read
    /// again at the next start.
    #[command(verbatim_doc_comment)]
    Run {
        #[command(flatten)]
        file: ConfigFile,
    },

    /// Take a Kafka Connect worker's place, configured as it was
    ///
    /// Reads the worker's properties file and the CONNECT_* variables of the usual image, which win over
    /// the file, and serves Connect's REST interface for Snowflake sink connectors. What a property does
    /// here, or why it does nothing, is said at the start. The same section of a configuration file is
    /// `[connect]`, and `run` serves it.
    #[command(verbatim_doc_comment)]
    Connect {
        /// The worker's properties, as in `connect-distributed.properties`
        properties: Option<PathBuf>,
    },

    /// Say what becomes of the connectors of a Kafka Connect worker, and take them over
    ///
    /// Reads their configurations from a worker (`https://HOST:PORT`, or one connector's address below it) or
    /// from a JSON file, and says of each key what it does here and why. Nothing is changed at the source.
    /// Exit code 2 when something has to change first.
    #[command(verbatim_doc_comment)]
    Import(ImportOptions),

    /// Try everything that `run` needs, and move nothing
    ///
    /// Reads the configuration, the key and the plugins, asks Kafka for the topics and Snowflake for the
    /// tables, and says of each step whether it works and what to do where it does not. Creates no table,
    /// joins no group, reads no record.
    #[command(verbatim_doc_comment)]
    Check {
        #[command(flatten)]
        file: ConfigFile,
    },

    /// Compare two tables: do they hold the same records?
    ///
    /// For each topic and partition, by RECORD_METADATA: rows, offsets, and from which to which. Rows are
    /// compared within the offsets that both tables reach, so two loaders may be at work meanwhile. Reads
    /// as the user of `[snowflake]`; exit code 1 when something differs.
    #[command(verbatim_doc_comment)]
    Verify {
        #[command(flatten)]
        file: ConfigFile,

        /// The warehouse to count in; by default the user's own
        #[arg(long, value_name = "NAME")]
        warehouse: Option<String>,

        /// A table, as `TABLE`, `SCHEMA.TABLE` or `DATABASE.SCHEMA.TABLE`
        first: String,

        /// The other one
        second: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigFile {
    /// The configuration file
    #[arg(
        long = "config",
        short = 'c',
        value_name = "FILE",
        env = "SNOWGATE_CONFIG",
        hide_env_values = true,
        default_value = "snowgate.toml"
    )]
    pub(crate) path: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportOptions {
    /// A URL or a file; `{"name": …, "config": {…}}`, a list, or what `/connectors?expand=info` answers
    pub(crate) source: String,

    /// What the worker asks for: a file with `USER:PASSWORD` or `Bearer TOKEN` [or: SNOWGATE_IMPORT_LOGIN, the text itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) login: Option<PathBuf>,

    /// Certificate authorities to trust in place of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Write a configuration file's pipeline to standard output, the words to standard error
    #[arg(long, conflicts_with = "register")]
    pub(crate) toml: bool,

    /// Register the connectors with the Snowgate at this URL
    #[arg(long, value_name = "URL")]
    pub(crate) register: Option<String>,

    /// What that Snowgate asks for, as with `--login` [or: SNOWGATE_REGISTER_LOGIN]
    #[arg(long, value_name = "FILE", requires = "register")]
    pub(crate) register_login: Option<PathBuf>,

    /// The properties of the worker that they ran on, for what connectors leave to it
    #[arg(long, value_name = "FILE")]
    pub(crate) worker: Option<PathBuf>,
}
