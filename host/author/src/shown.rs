//! A component on the gateway's engine, and what it makes of records one by one.

use std::path::Path;
use std::sync::Arc;

use snowgate_record::RecordBatch;
use snowgate_transform::{
    Capability, Chain, Engine, EngineSettings, Error, Limits, Plugin, PluginSettings, Tables, Transformed, cache_folder,
};

use crate::records::{self, Answer, Output, Record, Verdict};
use crate::report::Failure;

/// A component that took its configuration.
pub(crate) struct Loaded {
    pub(crate) plugin: Arc<Plugin>,
    tables: Arc<Tables>,
}

/// One instance of it.
pub(crate) struct Instance {
    chain: Chain,
    transformed: Transformed,
    tables: Arc<Tables>,
    /// Used for what it was shown so far; 0 unless the engine is metered.
    pub(crate) fuel: u64,
}

/// An engine that counts fuel, or the one that gateways use. What it compiles it shares with this user's gateways, for a component with
/// an interpreter in it is compiled for half a minute.
pub(crate) fn engine(metered: bool) -> Result<Engine, Failure> {
    Engine::new(&EngineSettings { metered, cache: cache_folder() }).map_err(|error| Failure::of_plugin(&error))
}

impl Loaded {
    /// In a pipeline with these `tables`.
    pub(crate) fn load(engine: &Engine, file: &Path, config_json: &str, tables: &[String]) -> Result<Loaded, Failure> {
        let tables = Arc::new(Tables::new(tables));
        let settings = PluginSettings {
            name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            path: file.to_owned(),
            sha256: None,
            allow: Capability::ALL.to_vec(),
            config_json: config_json.to_owned(),
            limits: Limits::default(),
            tables: Arc::clone(&tables),
        };
        let plugin = Plugin::load(engine, &settings).map_err(|error| match error {
            Error::NoTables { .. } => {
                Failure::of_plugin(&error).hint("name them: `--table NAME`, or in a test case's `tables.json`")
            }
            _ => Failure::of_plugin(&error),
        })?;
        Ok(Loaded { plugin: Arc::new(plugin), tables })
    }

    pub(crate) fn start(&self) -> Result<Instance, Failure> {
        let chain = Chain::new(std::slice::from_ref(&self.plugin)).map_err(|error| Failure::of_plugin(&error))?;
        Ok(Instance { chain, transformed: Transformed::new(), tables: Arc::clone(&self.tables), fuel: 0 })
    }
}

impl Instance {
    /// The road without a plugin.
    pub(crate) fn passthrough() -> Result<Instance, Failure> {
        let chain = Chain::new(&[]).map_err(|error| Failure::of_plugin(&error))?;
        Ok(Instance { chain, transformed: Transformed::new(), tables: Arc::default(), fuel: 0 })
    }

    /// Shows it `records` in batches of `size`, as one partition's, and says what became of each.
    pub(crate) fn show(&mut self, records: &[Record], size: usize) -> Result<Vec<Answer>, Failure> {
        let mut answers = Vec::with_capacity(records.len());
        for (number, part) in records.chunks(size).enumerate() {
            let batch = records::batch(part, number * size);
            self.process(&batch)?;
            self.read(&batch, number * size, &mut answers);
        }
        Ok(answers)
    }

    /// Takes one batch through, and looks at nothing.
    pub(crate) fn process(&mut self, batch: &RecordBatch) -> Result<&RecordBatch, Failure> {
        self.chain.process(batch, &mut self.transformed).map_err(|error| Failure::of_plugin(&error))?;
        self.fuel += self.transformed.verdicts.iter().map(|counts| counts.fuel).sum::<u64>();
        Ok(&self.transformed.records)
    }

    /// What the last batch says about each of its records, whose offsets are their numbers from `first` on.
    fn read(&self, batch: &RecordBatch, first: usize, answers: &mut Vec<Answer>) {
        let Transformed { records, rejected, .. } = &self.transformed;
        let (mut survivors, mut rejected) = (records.iter().peekable(), rejected.iter().peekable());
        for (index, input) in batch.iter().enumerate() {
            if let Some(rejected) = rejected.next_if(|rejected| rejected.index == index) {
                let verdict = Verdict::Reject { reason: rejected.reason.to_owned(), message: rejected.message.clone() };
                answers.push(verdict.into());
                continue;
            }
            let offset = (first + index) as i64;
            let mut outputs = Vec::new();
            // All outputs of a record have its route.
            let mut route = 0;
            while let Some(output) = survivors.next_if(|output| output.offset().get() == offset) {
                route = output.route();
                let key = (output.key() != input.key()).then(|| output.key().map(<[u8]>::to_vec));
                outputs.push(Output { key, value: output.value().map(<[u8]>::to_vec) });
            }
            let verdict = match &outputs[..] {
                [] => Verdict::Drop,
                // To keep a record and to replace it by itself comes to the same.
                [Output { key: None, value }] if value.as_deref() == input.value() => Verdict::Keep,
                _ => Verdict::Replace(outputs),
            };
            let table = usize::from(route).checked_sub(1).map(|at| self.tables.names()[at].clone());
            answers.push(Answer { verdict, table });
        }
    }
}
