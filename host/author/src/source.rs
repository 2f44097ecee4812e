//! Where records come from that are shown to a component: a file, standard input or a topic.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::{Path, PathBuf};
use std::time::Duration;

use snowgate_kafka::{KafkaConfig, KafkaSettings, Peek, Peeked, PeekedRecord, Start};
use snowgate_record::ErrorClass;

use crate::records::Record;
use crate::report::{Failure, Kind};

/// Records shown to the component in one call, at most.
pub(crate) const BATCH: usize = 500;

/// How long a topic may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a batch of a topic waits for more once it has a record.
const LINGER: Duration = Duration::from_millis(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A file to read; without one `run` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with = "topic")]
    input: Option<PathBuf>,

    /// What a line of the input is: a record's value, or a record as in `input.jsonl`. By default what the file's name says
    #[arg(long, value_enum, conflicts_with = "topic")]
    lines: Option<Lines>,

    /// A topic to read, from its first record to its last. Nothing is committed
    #[arg(long, requires = "brokers")]
    topic: Option<String>,

    /// The brokers to ask first
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    brokers: Vec<String>,

    /// librdkafka's properties for TLS, passwords and the like, one `name=value` a line
    #[arg(long, value_name = "FILE", requires = "topic")]
    properties: Option<PathBuf>,

    /// Wait for records that arrive from now on, instead of reading what is there
    #[arg(long, requires = "topic")]
    follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lines {
    Values,
    Records,
}

pub(crate) enum Source {
    Lines { from: BufReader<Box<dyn Read>>, name: String, lines: Lines, read: usize },
    Topic { peek: Box<Peek>, topic: String },
}

impl Options {
    pub(crate) fn is_given(&self) -> bool {
        self.input.is_some() || self.topic.is_some()
    }

    pub(crate) fn open(&self) -> Result<Source, Failure> {
        if let Some(topic) = &self.topic {
            let settings = self.kafka()?;
            let peek = Box::new(Peek::start(&settings, topic, PATIENCE).map_err(|error| of_kafka(&error))?);
            return Ok(Source::Topic { peek, topic: topic.clone() });
        }
        let named_records = self.input.as_deref().is_some_and(|file| file.extension().is_some_and(|end| end == "jsonl"));
        let lines = self.lines.unwrap_or(if named_records { Lines::Records } else { Lines::Values });
        let (from, name): (Box<dyn Read>, String) = match &self.input {
            None => (Box::new(stdin()), "standard input".to_owned()),
            Some(file) => {
                let name = format!("`{}`", file.display());
                let open = File::open(file).map_err(|error| Failure::input(format!("could not read {name}")).because(&error))?;
                (Box::new(open), name)
            }
        };
        Ok(Source::Lines { from: BufReader::new(from), name, lines, read: 0 })
    }

    fn kafka(&self) -> Result<KafkaSettings, Failure> {
        let properties = self.properties.as_deref().map(properties).transpose()?.unwrap_or_default();
        let start = if self.follow { Start::Latest } else { Start::Earliest };
        let config =
            KafkaConfig { brokers: self.brokers.clone(), group: None, start, properties: properties.into_iter().collect() };
        config.resolve("snowgate-plugin").map_err(|problems| {
            let told: Vec<String> = problems.iter().map(|problem| format!("`{}`: {}", problem.field, problem.message)).collect();
            let failure = Failure::input(told.join("; "));
            match problems.into_iter().find_map(|problem| problem.hint) {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    }
}

impl Source {
    /// What is there of the next records, at most `limit`; none at the end. Those of one call have one topic.
    pub(crate) fn next(&mut self, limit: usize) -> Result<Vec<Record>, Failure> {
        let limit = limit.min(BATCH);
        match self {
            Source::Lines { from, name, lines, read } => {
                let mut records = Vec::new();
                let mut line = String::new();
                while records.len() < limit {
                    line.clear();
                    let bytes = from.read_line(&mut line);
                    if bytes
                        .map_err(|error| Failure::input(format!("could not read line {} of {name}", *read + 1)).because(&error))?
                        == 0
                    {
                        break;
                    }
                    *read += 1;
                    let text = line.trim_end_matches(['\n', '\r']);
                    if !text.trim().is_empty() {
                        let wrong = |why: String| Failure::input(format!("line {read} of {name} is no record: {why}"));
                        records.push(match lines {
                            Lines::Values => Record::of_value(text.as_bytes()),
                            Lines::Records => Record::read(text).map_err(wrong)?,
                        });
                    }
                    // Whoever types, or pipes a stream, wants an answer now and not after 500 lines.
                    if !records.is_empty() && !from.buffer().contains(&b'\n') {
                        break;
                    }
                }
                Ok(records)
            }
            Source::Topic { peek, topic } => {
                let mut records = Vec::new();
                while records.len() < limit {
                    let wait = if records.is_empty() { PATIENCE } else { LINGER };
                    match peek.next(wait).map_err(|error| of_kafka(&error))? {
                        Peeked::Record(record) => records.push(of_peeked(record, topic)),
                        Peeked::Nothing if records.is_empty() => {}
                        Peeked::Nothing | Peeked::End => break,
                    }
                }
                Ok(records)
            }
        }
    }
}

fn of_peeked(record: PeekedRecord, topic: &str) -> Record {
    let PeekedRecord { timestamp, key, value, headers, .. } = record;
    Record { topic: Some(topic.to_owned()), timestamp, key, value, headers }
}

fn of_kafka(error: &snowgate_kafka::Error) -> Failure {
    let kind = if error.class() == ErrorClass::Config { Kind::Input } else { Kind::Unreachable };
    Failure::of(kind, error, error.hint())
}

/// The lines of a properties file.
fn properties(file: &Path) -> Result<Vec<(String, String)>, Failure> {
    let shown = file.display();
    let text =
        std::fs::read_to_string(file).map_err(|error| Failure::input(format!("could not read `{shown}`")).because(&error))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines
        .map(|(index, line)| match line.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            // The line may hold a password.
            None => Err(Failure::input(format!("line {} of `{shown}` is not `name=value`", index + 1))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &'static str, lines: Lines) -> Source {
        Source::Lines { from: BufReader::new(Box::new(text.as_bytes())), name: "`x`".to_owned(), lines, read: 0 }
    }

    #[test]
    fn lines_are_values_or_records_and_empty_ones_are_nothing() {
        let mut values = source("a\n\n{\"value\": 1}\r\nlast", Lines::Values);
        let read = values.next(10).unwrap();
        assert_eq!(read, [Record::of_value(b"a"), Record::of_value(b"{\"value\": 1}")]);
        assert_eq!(values.next(10).unwrap(), [Record::of_value(b"last")]);
        assert!(values.next(10).unwrap().is_empty());
        let mut records = source("{\"value\": 1}\n{\"valeu\": 1}\n", Lines::Records);
        assert_eq!(records.next(1).unwrap(), [Record::of_value(b"1")]);
        assert!(records.next(1).unwrap_err().to_string().starts_with("error: line 2 of `x` is no record"));
    }

    #[test]
    fn a_wrong_line_among_properties_is_told_by_number_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("client.properties");
        std::fs::write(&file, "# TLS\nsecurity.protocol = SSL\n\nsasl.password: secret\n").unwrap();
        let text = properties(&file).unwrap_err().to_string();
        assert!(text.contains("line 4") && !text.contains("secret"), "{text}");
        std::fs::write(&file, "# TLS\nsecurity.protocol = SSL\nsasl.password=a=b\n").unwrap();
        let read = properties(&file).unwrap();
        assert_eq!(read, [("security.protocol".to_owned(), "SSL".to_owned()), ("sasl.password".to_owned(), "a=b".to_owned())]);
    }
}
