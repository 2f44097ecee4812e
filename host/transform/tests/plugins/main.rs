//! Plugins through the public interface: real components, real batches.
//!
//! The components are built by `cargo xtask plugins`; the environment variable `SNOWGATE_PLUGINS` names the folder they are in.

mod cache;
mod frozen;
mod hostile;
mod load;
mod real;
mod route;
mod start;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snowgate_record::{Offset, RecordBatch, TimestampType, TopicPartition};
use snowgate_transform::{Capability, Chain, Engine, EngineSettings, Limits, Plugin, PluginSettings, Transformed};

fn component(file: &str) -> PathBuf {
    let folder = std::env::var_os("SNOWGATE_PLUGINS").expect(
        "SNOWGATE_PLUGINS names no folder with built plugins: run `cargo xtask plugins`, or `cargo xtask test`, which does so",
    );
    let path = PathBuf::from(folder).join(file);
    assert!(path.is_file(), "{} is missing: run `cargo xtask plugins`", path.display());
    path
}

fn settings(file: &str, config: &str) -> PluginSettings {
    let name = file.trim_end_matches(".wasm").trim_start_matches("fixtures/").replace('_', "-");
    named(&name, component(file), config)
}

fn named(name: &str, path: PathBuf, config: &str) -> PluginSettings {
    PluginSettings {
        name: name.into(),
        path,
        sha256: None,
        allow: Capability::ALL.to_vec(),
        config_json: config.into(),
        limits: Limits::default(),
        tables: Arc::default(),
    }
}

fn hostile(config: &str) -> PluginSettings {
    // Short, so that endless plugins cost the tests little, and long enough for a machine that is busy.
    let limits = Limits { batch_time: Duration::from_millis(300), ..Limits::default() };
    PluginSettings { limits, ..settings("fixtures/hostile.wasm", config) }
}

/// As a gateway has it. The tests share a cache, for they load the same few components again and again; what a test asks of the
/// compiler itself is asked of components of its own.
fn engine() -> Engine {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plugin-cache");
    Engine::new(&EngineSettings { cache: Some(cache), ..EngineSettings::default() }).unwrap()
}

fn chain(plugins: &[PluginSettings]) -> Chain {
    let engine = engine();
    let plugins: Vec<_> = plugins.iter().map(|settings| Arc::new(Plugin::load(&engine, settings).unwrap())).collect();
    Chain::new(&plugins).unwrap()
}

fn batch(values: &[&str]) -> RecordBatch {
    let mut batch = RecordBatch::new(TopicPartition::new("klines", 2));
    for (index, value) in (0..).zip(values) {
        let offset = Offset::new(100 + 2 * index).unwrap();
        batch.push(offset, 1000 + index, TimestampType::CreateTime, Some(b"key"), Some(value.as_bytes()));
    }
    batch
}

fn process(chain: &mut Chain, values: &[&str]) -> Transformed {
    let mut out = Transformed::new();
    chain.process(&batch(values), &mut out).unwrap();
    out
}

/// Survivors as offset and value.
fn survivors(out: &Transformed) -> Vec<(i64, String)> {
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or(b"(null)").to_vec()).unwrap();
    out.records.iter().map(|record| (record.offset().get(), text(record.value()))).collect()
}

/// Values without offsets, and rejections as index and reason.
fn fates(out: &Transformed) -> (Vec<String>, Vec<(usize, &'static str)>) {
    let values = survivors(out).into_iter().map(|(_, value)| value).collect();
    (values, out.rejected.iter().map(|rejected| (rejected.index, rejected.reason)).collect())
}

/// What `act` leaves in the log.
fn logged(act: impl FnOnce()) -> String {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&log);
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || Lines(Arc::clone(&writer))).finish();
    tracing::subscriber::with_default(subscriber, act);
    String::from_utf8(log.lock().unwrap().clone()).unwrap()
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
