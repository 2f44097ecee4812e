//! `snowflake.topic2table.map`: which table a topic goes to.
//!
//! Version 3 writes `topic:table,topic:table`; the left side may be a pattern that matches a whole topic name. Version 4 may put
//! either side in quotes, writes a table without quotes in upper case, and may refer to groups of the pattern in the table.
//! No pattern may match the text of another.

use crate::config_def::{Key, Parsed};
use crate::java_regex::{JavaRegex, Replacement};

#[derive(Debug, Clone, Default)]
pub struct TopicMap {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    topic: String,
    /// Matches a whole name.
    pattern: JavaRegex,
    table: String,
    /// Whether the table stands in quotes.
    is_quoted: bool,
    /// The table, where `$1` in it stands for a group of the pattern.
    template: Option<Replacement>,
}

impl TopicMap {
    /// Reads the map as version 3 does.
    pub fn parse_v3(text: &str) -> Result<TopicMap, String> {
        let mut map = TopicMap::default();
        if text.is_empty() {
            return Ok(map);
        }
        for pair in text.trim_end_matches(',').split(',') {
            let (topic, table) = match pair.split(':').map(str::trim).collect::<Vec<_>>()[..] {
                [topic, table] if !topic.is_empty() && !table.is_empty() => (topic, table),
                _ => return Err("Format: <topic-1>:<table-1>,<topic-2>:<table-2>,...".to_owned()),
            };
            if !is_plain(table) {
                return Err(match table.contains('.') {
                    true => format!("Table {table} is qualified, but database and schema are those of the connector"),
                    false => format!("Table {table} is not a name that Snowflake takes without quotes"),
                });
            }
            map.add(Entry {
                topic: topic.to_owned(),
                pattern: compiled(topic)?,
                table: table.to_owned(),
                is_quoted: false,
                template: None,
            })?;
        }
        Ok(map)
    }

    /// Reads the map as version 4 does; `templates` is `snowflake.topic2table.map.regex.replacement`.
    pub fn parse_v4(text: &str, templates: bool) -> Result<TopicMap, String> {
        let mut map = TopicMap::default();
        let mut reader = Reader { letters: text.chars().collect(), at: 0 };
        loop {
            reader.skip_blanks();
            if reader.is_at_end() {
                return Ok(map);
            }
            let (topic, _) = reader.token()?;
            reader.skip_blanks();
            reader.expect(':')?;
            reader.skip_blanks();
            let (table, is_quoted) = reader.token()?;
            let pattern = compiled(&topic)?;
            let template = templates.then(|| pattern.replacement(&table));
            if let Some(fault) = template.as_ref().and_then(Replacement::fault) {
                return Err(format!("Table {table}: {fault}"));
            }
            map.add(Entry { topic, pattern, table, is_quoted, template })?;
            reader.skip_blanks();
            if reader.is_at_end() {
                return Ok(map);
            }
            reader.expect(',')?;
        }
    }

    fn add(&mut self, new: Entry) -> Result<(), String> {
        if self.entries.iter().any(|entry| entry.topic == new.topic) {
            return Err(format!("Duplicate topic: {}", new.topic));
        }
        let overlaps = |other: &&Entry| is_match(&new.pattern, &other.topic) || is_match(&other.pattern, &new.topic);
        if let Some(other) = self.entries.iter().find(overlaps) {
            return Err(format!("Topic regexes cannot overlap. Overlapping regexes: {}, {}", other.topic, new.topic));
        }
        self.entries.push(new);
        Ok(())
    }

    /// The table for `topic`, as SQL takes it: in quotes where its case or its letters need them.
    pub fn table(&self, topic: &str) -> Option<String> {
        let entry = self.entry(topic)?;
        let table = match &entry.template {
            Some(template) => entry.pattern.replace_first(topic, template).ok()?,
            None => entry.table.clone(),
        };
        Some(entry.written(table))
    }

    /// Every table of the map once, as SQL takes it; `None` where a table follows from the topic.
    pub fn tables(&self) -> Option<Vec<String>> {
        let mut tables = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let table = match &entry.template {
                Some(template) => template.literal()?,
                None => entry.table.clone(),
            };
            let table = entry.written(table);
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        Some(tables)
    }

    /// Whether `topic` has a table in the map.
    pub fn names(&self, topic: &str) -> bool {
        self.entry(topic).is_some()
    }

    fn entry(&self, topic: &str) -> Option<&Entry> {
        let by_name = self.entries.iter().find(|entry| entry.topic == topic && entry.template.is_none());
        by_name.or_else(|| self.entries.iter().find(|entry| is_match(&entry.pattern, topic)))
    }
}

impl Entry {
    /// `table` in quotes where its case or its letters need them.
    fn written(&self, table: String) -> String {
        match self.is_quoted {
            true => quoted(&table),
            false if is_plain(&table) => table,
            false => quoted(&table.to_uppercase()),
        }
    }
}

/// Walks through a map of version 4.
struct Reader {
    letters: Vec<char>,
    at: usize,
}

impl Reader {
    fn is_at_end(&self) -> bool {
        self.at >= self.letters.len()
    }

    fn skip_blanks(&mut self) {
        while self.letters.get(self.at).is_some_and(|letter| letter.is_whitespace()) {
            self.at += 1;
        }
    }

    fn expect(&mut self, letter: char) -> Result<(), String> {
        if self.letters.get(self.at) != Some(&letter) {
            return Err(self.wrong(&format!("Expected '{letter}'")));
        }
        self.at += 1;
        Ok(())
    }

    /// A topic or a table, and whether it stood in quotes.
    fn token(&mut self) -> Result<(String, bool), String> {
        let is_quoted = self.letters.get(self.at) == Some(&'"');
        let start = self.at + usize::from(is_quoted);
        let ends = |letter: &char| match is_quoted {
            true => *letter == '"',
            false => letter.is_whitespace() || matches!(letter, ':' | ',' | '"'),
        };
        let length = self.letters.get(start..).unwrap_or_default().iter().position(ends);
        self.at = length.map_or(self.letters.len(), |length| start + length);
        let token: String = self.letters.get(start..self.at).unwrap_or_default().iter().collect();
        match (is_quoted, token.is_empty()) {
            (true, _) if length.is_none() => return Err(self.wrong("Unterminated quoted token")),
            (true, true) => return Err(self.wrong("Empty quoted token")),
            (true, false) => self.at += 1,
            (false, true) if start >= self.letters.len() => return Err(self.wrong("Expected token, found end of input")),
            (false, true) => return Err(self.wrong("Expected token")),
            (false, false) => {}
        }
        Ok((token, is_quoted))
    }

    fn wrong(&self, what: &str) -> String {
        let text: String = self.letters.iter().collect();
        format!("{what} at position {}: \"{text}\". Format: <topic-1>:<table-1>,<topic-2>:\"<table-2>\",...", self.at)
    }
}

/// Checks the map of version 3.
pub fn well_formed_v3(_: &Key, value: &Parsed) -> Result<(), String> {
    TopicMap::parse_v3(value.text().unwrap_or_default()).map(|_| ())
}

/// Checks the map of version 4, but for what depends on whether tables are templates.
pub fn well_formed_v4(_: &Key, value: &Parsed) -> Result<(), String> {
    TopicMap::parse_v4(value.text().unwrap_or_default(), false).map(|_| ())
}

fn compiled(topic: &str) -> Result<JavaRegex, String> {
    JavaRegex::new(topic).map_err(|why| format!("Invalid regex: {why}"))
}

/// A pattern that gives up on a name does not match it.
fn is_match(pattern: &JavaRegex, name: &str) -> bool {
    pattern.matches(name).unwrap_or(false)
}

/// Whether Snowflake takes the name without quotes.
fn is_plain(table: &str) -> bool {
    let mut letters = table.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$')
}

fn quoted(table: &str) -> String {
    format!("\"{}\"", table.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
