//! A batch between Kafka and its rows: plugins on the record as Kafka has it, a connector's converters and transforms, plugins on
//! what these made of it.
//!
//! Most pipelines have one of the three, or none. Each stage sees what the one before left; a record that any of them rejects leaves
//! no survivor behind, for its rows travel together or not at all.

use std::sync::Arc;

use snowgate_connect::data::Stage;
use snowgate_connect::road::{Converted, Rejected, Road, RoadSettings};
use snowgate_record::{Offset, Record, RecordBatch, TopicPartition};
use snowgate_transform::{Chain, Error, Identity, Plugin, PluginCounts, Transformed};

use crate::settings::{OnError, TransformSettings};

/// What the stages of one pipeline are made of, for each worker anew.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    pub(crate) before: Vec<Loaded>,
    pub(crate) road: Option<Arc<RoadSettings>>,
    pub(crate) after: Vec<Loaded>,
}

/// A plugin in its place.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) settings: TransformSettings,
    pub(crate) plugin: Arc<Plugin>,
}

/// The stages of one worker.
pub(crate) struct Stages {
    plan: Plan,
    before: Chain,
    road: Option<Road>,
    after: Chain,
    converted: Converted,
    spare: Transformed,
}

/// What the stages made of a batch. Use one again and again: its buffers stay.
pub(crate) struct Outcome {
    /// Survivors in offset order; the outputs of a split record share its offset.
    pub(crate) records: RecordBatch,
    /// In order of their index.
    pub(crate) rejected: Vec<Rejection>,
    /// Where transforms give each record its topic: these topics, in which a record's route is the place of its own. Else empty.
    pub(crate) topics: Vec<Arc<str>>,
    /// Records that plugins dropped, and those that transforms did.
    pub(crate) dropped_by_plugins: u64,
    pub(crate) dropped_by_road: u64,
    /// Whether the road was taken, so that keys and headers are JSON by now.
    pub(crate) converted: bool,
    /// Plugin by plugin.
    pub(crate) verdicts: Vec<PluginCounts>,
}

/// A record of the batch that a stage did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) index: usize,
    pub(crate) cause: Cause,
}

/// Why a record is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    /// One word, which never changes.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) stage: Stage,
    pub(crate) by: Option<By>,
    /// The Java exception that Connect would name.
    pub(crate) exception: &'static str,
    /// What becomes of the record, where that is not for the pipeline's `on_error` to say.
    pub(crate) on_error: Option<OnError>,
}

/// What set a record aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// A converter or transform, by its Java class.
    Class(Arc<str>),
    Plugin {
        identity: Arc<Identity>,
        backtrace: Option<String>,
    },
}

const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";

impl Cause {
    /// Of a record that reached the rows, and makes none.
    pub(crate) fn of_row(reason: &'static str, message: impl Into<String>) -> Cause {
        let message = message.into();
        Cause { reason, message, stage: Stage::TaskPut, by: None, exception: DATA_EXCEPTION, on_error: None }
    }

    fn of_road(rejected: Rejected) -> Cause {
        let Rejected { stage, class, exception, message, .. } = rejected;
        Cause { reason: reason_of(stage), message, stage, by: Some(By::Class(class)), exception, on_error: None }
    }
}

impl Outcome {
    pub(crate) fn new() -> Outcome {
        let records = RecordBatch::new(TopicPartition::new("", 0));
        Outcome {
            records,
            rejected: Vec::new(),
            topics: Vec::new(),
            dropped_by_plugins: 0,
            dropped_by_road: 0,
            converted: false,
            verdicts: Vec::new(),
        }
    }
}

impl Plan {
    /// Starts an instance of each plugin.
    pub(crate) fn start(&self) -> Result<Stages, Error> {
        let chain = |loaded: &[Loaded]| Chain::new(&loaded.iter().map(|loaded| loaded.plugin.clone()).collect::<Vec<_>>());
        Ok(Stages {
            before: chain(&self.before)?,
            road: self.road.clone().map(Road::new),
            after: chain(&self.after)?,
            plan: self.clone(),
            converted: Converted::new(),
            spare: Transformed::new(),
        })
    }

    /// What the operator calls the plugins, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.plugins().map(|loaded| &loaded.plugin.identity().name)
    }

    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Loaded> {
        self.before.iter().chain(&self.after)
    }
}

impl Stages {
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the records of `batch` may go to their rows as Kafka has them.
    pub(crate) fn is_straight(&self, batch: &RecordBatch) -> bool {
        self.before.is_empty() && self.after.is_empty() && self.road.as_ref().is_none_or(|road| road.straight(batch))
    }

    /// Takes `batch` through all stages. After an error nothing of the batch counts.
    pub(crate) fn process(&mut self, batch: &RecordBatch, out: &mut Outcome) -> Result<(), Error> {
        out.rejected.clear();
        out.verdicts.clear();
        out.topics.clear();
        (out.dropped_by_plugins, out.dropped_by_road) = (0, 0);
        out.converted = false;
        let mut untouched = true;
        if !self.before.is_empty() {
            self.before.process(batch, &mut self.spare)?;
            take(&mut self.spare, &self.plan.before, batch, None, out);
            untouched = false;
        }
        if let Some(road) = &mut self.road {
            let current = if untouched { batch } else { &out.records };
            if !road.straight(current) {
                road.process(current, &mut self.converted);
                out.dropped_by_road += self.converted.dropped;
                let rejected = self.converted.rejected.drain(..);
                let failed = rejected.map(|rejected| (current.offsets()[rejected.index], Cause::of_road(rejected))).collect();
                std::mem::swap(&mut out.records, &mut self.converted.records);
                std::mem::swap(&mut out.topics, &mut self.converted.topics);
                reject(failed, batch, out);
                out.converted = true;
                untouched = false;
            }
        }
        if !self.after.is_empty() {
            let current = if untouched { batch } else { &out.records };
            self.after.process(current, &mut self.spare)?;
            let earlier = current.offsets().to_vec();
            take(&mut self.spare, &self.plan.after, batch, Some(&earlier), out);
        }
        Ok(())
    }

    /// Takes a record by a connector's full road, whose value makes no row as it is; the row's writer is stricter than a converter.
    ///
    /// The road begins at what it was shown: `record` itself where it was not taken (`converted` is false), else `original`, as Kafka
    /// has it. `None` where there is no road, or where plugins stand in between.
    pub(crate) fn convert_again(
        &mut self,
        record: Record<'_>,
        original: Record<'_>,
        converted: bool,
    ) -> Option<Result<&RecordBatch, Cause>> {
        if !self.after.is_empty() || (converted && !self.before.is_empty()) {
            return None;
        }
        let shown = if converted { original } else { record };
        self.road.as_mut()?.convert_again(shown, &mut self.converted);
        let rejected = self.converted.rejected.pop();
        Some(rejected.map_or(Ok(&self.converted.records), |rejected| Err(Cause::of_road(rejected))))
    }
}

/// Takes over what a chain made. `offsets` are those of the records that it was shown, where these are not `batch` itself.
fn take(made: &mut Transformed, chain: &[Loaded], batch: &RecordBatch, offsets: Option<&[i64]>, out: &mut Outcome) {
    std::mem::swap(&mut out.records, &mut made.records);
    out.dropped_by_plugins += made.dropped;
    out.verdicts.append(&mut made.verdicts);
    let offsets = offsets.unwrap_or(batch.offsets());
    let failed = made.rejected.drain(..).map(|rejected| {
        let by = chain.iter().find(|loaded| Arc::ptr_eq(loaded.plugin.identity(), &rejected.plugin));
        let cause = Cause {
            on_error: by.and_then(|loaded| loaded.settings.on_error(rejected.reason)),
            reason: rejected.reason,
            message: rejected.message,
            stage: Stage::Transformation,
            by: Some(By::Plugin { identity: rejected.plugin, backtrace: rejected.backtrace }),
            exception: DATA_EXCEPTION,
        };
        (offsets[rejected.index], cause)
    });
    reject(failed.collect(), batch, out);
}

/// Adds records that a stage did not take, and takes away what else came of them.
fn reject(failed: Vec<(i64, Cause)>, batch: &RecordBatch, out: &mut Outcome) {
    if failed.is_empty() {
        return;
    }
    let mut lost_a_part = false;
    for (offset, cause) in failed {
        let index = batch.offsets().binary_search(&offset).expect("a stage adds no offsets");
        // Another part of the same record may have failed before.
        if out.rejected.iter().all(|rejected| rejected.index != index) {
            out.rejected.push(Rejection { index, cause });
        }
        lost_a_part |= Offset::new(offset).is_some_and(|_| out.records.offsets().binary_search(&offset).is_ok());
    }
    out.rejected.sort_unstable_by_key(|rejected| rejected.index);
    if lost_a_part {
        let gone: Vec<i64> = out.rejected.iter().map(|rejected| batch.offsets()[rejected.index]).collect();
        let mut rest = RecordBatch::new(batch.topic_partition().clone());
        for record in out.records.iter().filter(|record| gone.binary_search(&record.offset().get()).is_err()) {
            rest.push_derived(record, record.key(), record.value());
        }
        out.records = rest;
    }
}

/// The word for headers, logs and metrics.
fn reason_of(stage: Stage) -> &'static str {
    match stage {
        Stage::KeyConverter => "key_converter",
        Stage::ValueConverter => "value_converter",
        Stage::HeaderConverter => "header_converter",
        Stage::Transformation => "transformation",
        Stage::TaskPut => "row",
    }
}

#[cfg(test)]
mod tests {
    use snowgate_connect::config_def::ConfigMap;
    use snowgate_connect::converter::{Converter, HeaderConverter};
    use snowgate_connect::road::Step;
    use snowgate_connect::settings::Line;
    use snowgate_connect::smt::Transform;
    use snowgate_record::TimestampType;
    use snowgate_snowflake::row::{RowMode, RowSettings, RowWriter};

    use super::*;

    fn batch(offsets: &[i64]) -> RecordBatch {
        let mut batch = RecordBatch::new(TopicPartition::new("t", 0));
        for offset in offsets {
            batch.push(Offset::new(*offset).unwrap(), 0, TimestampType::CreateTime, None, Some(b"{}"));
        }
        batch
    }

    #[test]
    fn a_record_that_lost_one_of_its_parts_leaves_none_behind() {
        let input = batch(&[4, 5, 9]);
        let mut out = Outcome { records: batch(&[4, 5, 5, 9]), ..Outcome::new() };
        let cause = || Cause::of_row("plugin_rejected", "no");
        reject(vec![(5, cause()), (5, cause())], &input, &mut out);
        assert_eq!(out.records.offsets(), [4, 9]);
        assert_eq!(out.rejected, [Rejection { index: 1, cause: cause() }]);
        reject(vec![(4, cause())], &input, &mut out);
        assert_eq!(out.records.offsets(), [9]);
        assert_eq!(out.rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [0, 1]);
    }

    fn transform(class: &str, options: &[(&str, &str)]) -> Step {
        let class = format!("org.apache.kafka.connect.transforms.{class}");
        let options: ConfigMap = options.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))).collect();
        let transform = Transform::configure(&class, &options).unwrap();
        Step { name: "step".into(), class: class.as_str().into(), transform, predicate: None, negate: false }
    }

    /// One writer for all batches, which relies on patterns that it has seen, against a writer for each record, which relies on none.
    #[test]
    fn values_that_a_proven_pattern_wrote_make_the_rows_that_they_make_by_themselves() {
        let names = ["a", "A", "b", "record_metadata", "é", "a_b", ""];
        let values = [
            "1",
            "-0.50",
            "1e6144",
            "123456789012345678901234567890",
            "\"x\"",
            r#""\u00e9\n\ud83d\ude00""#,
            "null",
            "true",
            "[1,{\"a\":1}]",
        ];
        let chains = [
            vec![transform("Flatten$Value", &[("delimiter", "_")])],
            vec![transform("ReplaceField$Value", &[("renames", "b:RECORD_METADATA,a:x")])],
            vec![transform("ReplaceField$Value", &[("exclude", "b")]), transform("Cast$Value", &[("spec", "a:string")])],
        ];
        let mut proven = 0;
        for (mode, steps) in
            [RowMode::Content, RowMode::Columns].into_iter().flat_map(|mode| chains.clone().map(|steps| (mode, steps)))
        {
            let json = "org.apache.kafka.connect.json.JsonConverter";
            let schemaless = [("schemas.enable".to_owned(), Some("false".to_owned()))];
            let road = RoadSettings {
                key: Converter::ByteArray,
                value: Converter::configure(json, false, &schemaless.into_iter().collect()).unwrap(),
                headers: HeaderConverter::Simple,
                steps,
                line: Line::V4,
                structured_headers: false,
                naming: Arc::default(),
            };
            let mut stages = Plan { road: Some(Arc::new(road)), ..Plan::default() }.start().unwrap();
            let (mut writer, mut out) = (RowWriter::new(RowSettings::new(mode)), Outcome::new());
            for (first, second) in names.iter().flat_map(|first| names.map(|second| (first, second))) {
                let mut input = RecordBatch::new(TopicPartition::new("t", 0));
                for (index, value) in values.iter().enumerate().filter(|(index, _)| index % 3 != 2) {
                    let other = values[(index + first.len()) % values.len()];
                    let text = format!(r#"{{"{first}":{value},"{second}":{{"b":{other}}}}}"#);
                    input.push(Offset::new(index as i64).unwrap(), 0, TimestampType::CreateTime, None, Some(text.as_bytes()));
                }
                stages.process(&input, &mut out).unwrap();
                proven += u32::from(out.records.pattern().is_some());
                for record in out.records.iter() {
                    let mut alone = RecordBatch::new(TopicPartition::new("t", 0));
                    alone.push_derived(record, record.key(), record.value());
                    let (mut row, mut expected) = (Vec::new(), Vec::new());
                    let written = writer.write(record, None, &mut row);
                    assert_eq!(written, RowWriter::new(RowSettings::new(mode)).write(alone.record(0), None, &mut expected));
                    assert_eq!(row, expected);
                }
            }
        }
        assert!(proven > 50, "{proven}");
    }
}
