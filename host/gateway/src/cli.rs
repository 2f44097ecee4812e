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
