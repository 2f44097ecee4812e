//! One test's world: a folder, a sandbox, a broker, a topic of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::kafka::{self, Kafka};
use crate::sandbox::{Account, Sandbox};
use crate::{eventually, eventually_within};

pub struct World {
    pub sandbox: Sandbox,
    pub kafka: Kafka,
    /// A topic of this test's own, with [`World::partitions`].
    pub topic: String,
    pub dead_letter_topic: String,
    pub partitions: i32,
    /// Declared last, so that it goes last.
    dir: TempDir,
    files: AtomicU32,
}

impl World {
    pub fn new(partitions: i32) -> World {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let unique =
            dir.path().file_name().expect("it has a name").to_string_lossy().replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let topic = format!("klines_{unique}").to_lowercase();
        let dead_letter_topic = format!("{topic}.dead");
        let apache = kafka::is_apache();
        let topics = [(topic.as_str(), partitions), (dead_letter_topic.as_str(), 1)];
        let sandbox = Sandbox::start(dir.path(), if apache { &[] } else { &topics });
        let bootstrap =
            if apache { kafka::apache_bootstrap() } else { sandbox.bootstrap.clone().expect("the sandbox has a broker") };
        let kafka = Kafka::new(&bootstrap, apache);
        for (topic, partitions) in topics {
            kafka.create_topic(topic, partitions);
        }
        World { sandbox, kafka, topic, dead_letter_topic, partitions, dir, files: AtomicU32::new(0) }
    }

    /// Where its files are.
    pub fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// A path of its own in the test's folder.
    pub fn file(&self, stem: &str, extension: &str) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.dir.path().join(format!("{stem}-{number}.{extension}"))
    }

    /// `stem` with something of this test's own, for tests share a broker.
    pub fn unique(&self, stem: &str) -> String {
        format!("{stem}-{}", self.topic.trim_start_matches("klines_"))
    }

    /// The table that the topic's name leads to.
    pub fn table(&self) -> String {
        self.topic.to_uppercase()
    }

    /// Small records with a number, to one partition.
    pub fn produce_numbers(&self, partition: i32, numbers: std::ops::Range<u64>) {
        self.kafka.produce(&self.topic, partition, numbers.map(|n| format!(r#"{{"n": {n}, "partition": {partition}}}"#)));
    }

    pub fn account(&self) -> Account {
        self.sandbox.account(&self.table(), &self.topic)
    }

    #[track_caller]
    pub fn wait_for_rows(&self, rows: u64) {
        eventually(&format!("{rows} rows; there are {:?}", self.account()), || (self.account().rows >= rows).then_some(()));
    }

    #[track_caller]
    pub fn wait_for_rows_within(&self, patience: std::time::Duration, rows: u64) {
        eventually_within(patience, &format!("{rows} rows"), || (self.account().rows >= rows).then_some(()));
    }

    /// Every offset of every partition is in the table once, in order; nothing else is.
    #[track_caller]
    pub fn assert_exactly_once(&self) {
        let expected: i64 = (0..self.partitions).map(|partition| self.kafka.end(&self.topic, partition)).sum();
        let expected = u64::try_from(expected).expect("ends are not negative");
        self.wait_for_rows(expected);
        assert_eq!(self.account(), Account { rows: expected, distinct: expected, duplicates: 0, out_of_order: 0 });
    }

    /// The (partition, offset) pairs in the table.
    pub fn offsets_in_table(&self) -> BTreeSet<(i64, i64)> {
        let rows = self.sandbox.rows(&self.table());
        let pair = |row: &serde_json::Value| {
            let metadata = &row["RECORD_METADATA"];
            (metadata["partition"].as_i64().expect("a partition"), metadata["offset"].as_i64().expect("an offset"))
        };
        rows.iter().map(pair).collect()
    }
}
