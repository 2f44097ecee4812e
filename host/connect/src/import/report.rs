//! What becomes of each key of a connector, and what is different here; as a table for a terminal.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use crate::config_def::{ConfigMap, below, framework, snowflake_v3, snowflake_v4};
use crate::connector::{Client, Texts, line};
use crate::java_client;
use crate::plugins::{self, Plugin, SINK_V4};
use crate::secrets::is_masked;
use crate::settings::Line;
use crate::validate::{ValidateError, connector_of, validate};
use crate::verdicts::{self, Verdict, verdict};
use crate::worker::WorkerSettings;

/// Columns of a terminal.
const WIDTH: usize = 100;
/// Names longer than this have their reason on the next line.
const KEY_WIDTH: usize = 40;

/// What becomes of a key; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Refused,
    /// A secret that the source does not show.
    Masked,
    Unknown,
    Mapped,
    NotNeeded,
    Kept,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub fate: Fate,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    name: String,
    line: Option<Line>,
    /// The worst first, otherwise as the configuration has them.
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// Whether Snowgate would take the configuration as it is; what Snowflake says to it is not known.
    pub fn is_taken(&self) -> bool {
        self.rows.iter().all(|row| row.fate > Fate::Masked)
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

impl Fate {
    pub const fn as_str(self) -> &'static str {
        match self {
            Fate::Refused => "refused",
            Fate::Masked => "masked",
            Fate::Unknown => "unknown",
            Fate::Mapped => "mapped",
            Fate::NotNeeded => "not needed",
            Fate::Kept => "kept",
        }
    }
}

pub(super) fn of(name: &str, config: &ConfigMap, worker: &WorkerSettings) -> Report {
    let complaints = complaints(name, config, worker);
    let plugin = connector_of(config).ok();
    let own = plugin.map(own_keys);
    let mut rows: Vec<Row> = config
        .iter()
        .map(|(key, value)| {
            let said: Vec<&str> = complaints.iter().filter(|(at, _)| at == key).map(|(_, message)| &**message).collect();
            let (fate, reason) = match () {
                () if is_masked(key, value.as_deref()) => {
                    (Fate::Masked, "the source does not show it; put the real text in its place".to_owned())
                }
                () if !said.is_empty() => (Fate::Refused, said.join(" ")),
                () => judged(key, config, own.as_ref()),
            };
            Row { key: key.clone(), fate, reason }
        })
        .collect();
    let missing = complaints.iter().filter(|(key, _)| !config.contains_key(key));
    rows.extend(missing.map(|(key, message)| Row { key: key.clone(), fate: Fate::Refused, reason: message.clone() }));
    rows.sort_by_key(|row| row.fate);
    let line = plugin.map(|plugin| line(plugin, config));
    let notes = line.map(|line| notes(name, config, worker, line)).unwrap_or_default();
    Report { name: name.to_owned(), line, rows, notes }
}

/// What validation finds wrong, as key and message.
fn complaints(name: &str, config: &ConfigMap, worker: &WorkerSettings) -> Vec<(String, String)> {
    let mut config = unmasked(config);
    config.entry("name".to_owned()).or_insert_with(|| Some(name.to_owned()));
    match validate(&config, worker) {
        Ok(infos) => infos.errors_by_key().map(|(key, message)| (key.to_owned(), message.to_owned())).collect(),
        // Its text shows the whole configuration.
        Err(ValidateError::NoClass(_) | ValidateError::UnknownClass(_)) => {
            vec![("connector.class".to_owned(), "it does not say what to run".to_owned())]
        }
        Err(ValidateError::Override(error)) => {
            let is_meant = |key: &&String| {
                Client::ALL.iter().filter_map(|client| key.strip_prefix(client.prefix())).any(|inner| error.0.contains(inner))
            };
            let key = config.keys().find(is_meant).cloned().unwrap_or_else(|| "consumer.override".to_owned());
            vec![(key, error.0)]
        }
    }
}

/// `config` with a reference in the place of each mask, which is not looked into.
pub(super) fn unmasked(config: &ConfigMap) -> ConfigMap {
    let open = |(key, value): (&String, &Option<String>)| match is_masked(key, value.as_deref()) {
        true => (key.clone(), Some("${masked:value}".to_owned())),
        false => (key.clone(), value.clone()),
    };
    config.iter().map(open).collect()
}

/// The keys of this connector; the other line's are ignored by it.
fn own_keys(plugin: &Plugin) -> BTreeSet<String> {
    let declared = framework::keys(plugin.version.unwrap_or_default()).into_iter().chain(plugins::connector_keys(plugin));
    let mut keys: BTreeSet<String> = declared.map(|key| key.name.into_owned()).collect();
    let undeclared: &[&str] = if plugin.class == SINK_V4 { &snowflake_v4::UNDECLARED } else { &snowflake_v3::UNDECLARED };
    keys.extend(undeclared.iter().map(|key| (*key).to_owned()));
    keys
}

fn judged(key: &str, config: &ConfigMap, own: Option<&BTreeSet<String>>) -> (Fate, String) {
    for client in Client::ALL {
        let note = java_client::notes(&below(config, client.prefix()))
            .into_iter()
            .find(|note| key.strip_prefix(client.prefix()) == Some(&*note.key));
        if let Some(note) = note {
            return (Fate::NotNeeded, note.reason.to_owned());
        }
    }
    let Some(verdict) = verdict(key) else {
        let near = verdicts::all()
            .map(|(known, _)| (strsim::damerau_levenshtein(known, key), known))
            .min()
            .filter(|(distance, _)| *distance <= key.len() / 5);
        let reason = "neither Connect nor the connector has it; it is ignored, there as here";
        return (Fate::Unknown, near.map_or(reason.to_owned(), |(_, near)| format!("{reason}; was `{near}` meant?")));
    };
    let is_exact = verdicts::all().any(|(known, _)| known == key && !known.ends_with('.'));
    if is_exact && own.is_some_and(|own| !own.contains(key)) {
        return (Fate::NotNeeded, "this connector does not have it; the other line does".to_owned());
    }
    let fate = match verdict {
        Verdict::Honoured(_) => Fate::Kept,
        Verdict::Mapped(_) => Fate::Mapped,
        Verdict::NotNeeded(_) => Fate::NotNeeded,
        // Validation has nothing against its value.
        Verdict::Refused(reason) => return (Fate::Kept, format!("as it is set; otherwise {reason}")),
    };
    (fate, verdict.reason().to_owned())
}

/// What is different here, in words.
fn notes(name: &str, config: &ConfigMap, worker: &WorkerSettings, line: Line) -> Vec<String> {
    let texts = Texts(config);
    let group = java_client::group(&below(config, Client::Consumer.prefix())).unwrap_or_else(|| format!("connect-{name}"));
    let mut notes = Vec::new();
    notes.push(format!(
        "The consumer group stays `{group}`: a switch goes on at its offsets. Stop the old connector first, for a group with both would share the partitions out between them."
    ));
    notes.push(match line {
        Line::V3File => "File mode becomes streaming: the same rows, without stage, pipes and files, each exactly once. What the old connector has put on \
                         its stage is loaded by its pipe and not by Snowgate: let both finish before you remove them."
            .to_owned(),
        Line::V3Streaming if texts.is_true("snowflake.streaming.channel.name.include.connector.name") => {
            "Channels keep their names, `<connector>_<topic>_<partition>`.".to_owned()
        }
        Line::V3Streaming => "Channels keep their names, `<topic>_<partition>`.".to_owned(),
        Line::V4 => format!("Channels are called `{name}_<topic>_<partition>`."),
    });
    for key in ["key.converter", "value.converter"] {
        if texts.given(key).is_none() {
            let of_worker = if key == "key.converter" { &worker.key_converter } else { &worker.value_converter };
            notes.push(format!(
                "`{key}` is not given, so the worker's counts, which here is {of_worker}: set it as it was on the old worker."
            ));
        }
    }
    let tolerates = texts.given("errors.tolerance").is_some_and(|text| text.eq_ignore_ascii_case("all"));
    if tolerates && texts.given("errors.deadletterqueue.topic.name").is_none() {
        notes.push("Records that fail are dropped and counted, as there is no dead letter topic.".to_owned());
    }
    let referring: Vec<String> = config.keys().filter(|key| texts.is_reference(key)).map(|key| format!("`{key}`")).collect();
    if !referring.is_empty() {
        notes.push(format!(
            "{} refer to config providers: the worker needs them, each with the paths or variables that it may read. What they stand for was not looked at.",
            referring.join(", ")
        ));
    }
    notes.push(
        "Only Snowgate itself asks Snowflake whether login, database and schema are right, when the connector is registered."
            .to_owned(),
    );
    notes
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.line {
            Some(Line::V3File) => "version 3, file mode",
            Some(Line::V3Streaming) => "version 3, streaming",
            Some(Line::V4) => "version 4",
            None => "no connector",
        };
        let count = self.rows.iter().filter(|row| row.fate <= Fate::Masked).count();
        let outcome = match count {
            0 => "can be taken over".to_owned(),
            1 => "1 key has to change first".to_owned(),
            count => format!("{count} keys have to change first"),
        };
        writeln!(f, "{} ({kind}): {outcome}\n", self.name)?;
        let fate_width = self.rows.iter().map(|row| row.fate.as_str().len()).max().unwrap_or(0);
        let key_width = self.rows.iter().map(|row| row.key.chars().count()).filter(|width| *width <= KEY_WIDTH).max().unwrap_or(0);
        let margin = 2 + fate_width + 2 + key_width + 2;
        for row in &self.rows {
            let mut lines = wrapped(&row.reason, WIDTH - margin).into_iter();
            write!(f, "  {:fate_width$}  ", row.fate.as_str())?;
            match row.key.chars().count() > key_width {
                true => writeln!(f, "{}", row.key)?,
                false => writeln!(f, "{:key_width$}  {}", row.key, lines.next().unwrap_or_default())?,
            }
            lines.try_for_each(|line| writeln!(f, "{:margin$}{line}", ""))?;
        }
        for note in &self.notes {
            writeln!(f)?;
            wrapped(note, WIDTH - 2).iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

/// `text` in lines of at most `width`, but for words that are longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
