//! The commands of `snowgate-sandbox` and their flags.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::broker::parse_topic;
use crate::drain::DrainArgs;
use crate::source::SourceArgs;
use crate::topics::TopicsArgs;

/// The world outside the gateway, on one machine: a stand-in Snowflake, an embedded broker, a kline source.
#[derive(Debug, Parser)]
#[command(name = "snowgate-sandbox", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts the stand-in Snowflake and, when asked, a broker and a source of klines.
    Run(RunArgs),
    /// Runs a statement against a running stand-in and prints its rows.
    Query(QueryArgs),
    /// Prints what a running stand-in took: lost, doubled, out of order.
    Ledger(LedgerArgs),
    /// Publishes klines to a topic.
    Source(SourceArgs),
    /// Makes and removes topics.
    Topics(TopicsArgs),
    /// Reads a topic as fast as librdkafka can, to compare with.
    Drain(DrainArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where the CA, the client's key and sandbox.json are written.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Address for plain HTTP; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) http: SocketAddr,
    /// Address for HTTPS; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) https: SocketAddr,
    /// The host by which clients reach the stand-in.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) hostname: String,
    /// How long rows stay uncommitted, such as `250ms` or `2s`; `manual` until they are committed by hand.
    #[arg(long, default_value = "0ms", value_parser = parse_commit_delay)]
    pub(crate) commit_delay: CommitDelay,
    /// Whether rows stay to be queried or are only checked and counted.
    #[arg(long, value_enum, default_value_t = Rows::Keep)]
    pub(crate) rows: Rows,
    /// Starts an embedded broker, too.
    #[arg(long)]
    pub(crate) broker: bool,
    /// A topic of the embedded broker and its partitions, `binance_kline:4`; may be given several times.
    #[arg(long, value_parser = parse_topic, requires = "broker", default_value = "binance_kline:4")]
    pub(crate) topic: Vec<(String, i32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rows {
    Keep,
    Check,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// The stand-in's plain HTTP address, `http://127.0.0.1:8080`.
    #[arg(long)]
    pub(crate) url: String,
    /// The statement.
    pub(crate) sql: String,
}

#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    /// The stand-in's plain HTTP address, `http://127.0.0.1:8080`.
    #[arg(long)]
    pub(crate) url: String,
    /// Prints it as it comes over the wire.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Milliseconds, or until committed by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommitDelay(pub(crate) Option<u64>);

fn parse_commit_delay(text: &str) -> Result<CommitDelay, String> {
    if text == "manual" {
        return Ok(CommitDelay(None));
    }
    let (digits, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => (digits, 1),
        (None, Some(digits)) => (digits, 1000),
        (None, None) => return Err("expected a time such as `250ms` or `2s`, or `manual`".to_owned()),
    };
    digits.parse::<u64>().map(|count| CommitDelay(Some(count * factor))).map_err(|_| format!("`{digits}` is not a number"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_commit_delay_has_a_unit() {
        assert_eq!(parse_commit_delay("250ms"), Ok(CommitDelay(Some(250))));
        assert_eq!(parse_commit_delay("2s"), Ok(CommitDelay(Some(2000))));
        assert_eq!(parse_commit_delay("manual"), Ok(CommitDelay(None)));
        assert!(parse_commit_delay("250").is_err());
    }
}
