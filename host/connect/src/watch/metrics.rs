//! Every metric: its name, labels, help, and where its numbers come from, in one table.
//!
//! A scrape takes one snapshot and writes it out; between scrapes nothing is kept, so a partition that left is gone from the next one.
//!
//! What must stay true: a label's value comes from a configuration or is a topic's or its table's name, never from a record; and no family has more
//! than [`MAX_SERIES`] series, however many partitions there are. [`ALL`] is the whole list, which the dashboard and the tests go by.

use std::{fmt, iter};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text as open_metrics};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::snapshot::{Histogram, PartitionView, PipelineView, Snapshot};

/// Series in one family; ten thousand partitions fit. What is left out is counted in `snowgate_series_left_out`.
pub(super) const MAX_SERIES: usize = 10_000;

/// A row of the table.
#[derive(Debug)]
pub struct Metric {
    /// As it stands in a query; a histogram's without `_bucket`, `_sum`, `_count`.
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
    series: fn(&Snapshot, &mut Family<'_>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

const STATES: [&str; 5] = ["RUNNING", "STALLED", "PAUSED", "STOPPED", "FAILED"];

const PIPELINE: &[&str] = &["pipeline"];
const PARTITION: &[&str] = &["pipeline", "topic", "partition"];
/// A partition has a channel, and so a committed offset, in each table that its records may go to.
const CHANNEL: &[&str] = &["pipeline", "topic", "partition", "table"];

pub const ALL: &[Metric] = &[
    Metric {
        name: "snowgate_build_info",
        kind: Kind::Info,
        labels: &["version"],
        help: "The version that runs",
        series: |snapshot, family| family.add(&[snapshot.version], Value::Info),
    },
    Metric {
        name: "snowgate_start_time_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the gateway started, in seconds since 1970",
        series: |snapshot, family| family.add(&[], Value::Number(snapshot.started_ms as f64 / 1000.0)),
    },
    Metric {
        name: "snowgate_memory_used_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Records and bodies held, counted against memory.max",
        series: |snapshot, family| family.add(&[], whole(snapshot.memory.used_bytes)),
    },
    Metric {
        name: "snowgate_memory_max_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "The setting memory.max: beyond it Kafka is read no further",
        series: |snapshot, family| family.add(&[], whole(snapshot.memory.max_bytes)),
    },
    Metric {
        name: "snowgate_process_resident_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Memory of the whole process, where the system says",
        series: |snapshot, family| {
            if let Some(bytes) = snapshot.memory.resident_bytes {
                family.add(&[], whole(bytes));
            }
        },
    },
    Metric {
        name: "snowgate_reloads_total",
        kind: Kind::Counter,
        labels: &["result"],
        help: "Times plugins were reloaded while the gateway ran; a failure left all as it was",
        series: |snapshot, family| {
            family.add(&["success"], Value::Count(snapshot.reloads.succeeded));
            family.add(&["failure"], Value::Count(snapshot.reloads.failed));
        },
    },
    Metric {
        name: "snowgate_pipeline_state",
        kind: Kind::Gauge,
        labels: &["pipeline", "state"],
        help: "1 for the state the pipeline is in, 0 for the others",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for state in STATES {
                    family.add(&[&pipeline.name, state], Value::Whole((pipeline.state == state).into()));
                }
            }
        },
    },
    Metric {
        name: "snowgate_partitions_assigned",
        kind: Kind::Gauge,
        labels: PIPELINE,
        help: "Partitions that this gateway has",
        series: |snapshot, family| {
            each_pipeline(snapshot, family, |pipeline| Value::Whole(i64::try_from(pipeline.partitions.len()).unwrap_or(i64::MAX)));
        },
    },
    Metric {
        name: "snowgate_records_consumed_total",
        kind: Kind::Counter,
        labels: PIPELINE,
        help: "Records taken from Kafka",
        series: |snapshot, family| each_pipeline(snapshot, family, |pipeline| Value::Count(pipeline.records_consumed)),
    },
    Metric {
        name: "snowgate_bytes_consumed_total",
        kind: Kind::Counter,
        labels: PIPELINE,
        help: "Bytes of the records taken from Kafka",
        series: |snapshot, family| each_pipeline(snapshot, family, |pipeline| Value::Count(pipeline.bytes_consumed)),
    },
    Metric {
        name: "snowgate_records_dropped_total",
        kind: Kind::Counter,
        labels: &["pipeline", "reason"],
        help: "Records that a transform, a plugin or a setting dropped on purpose",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for (reason, count) in &pipeline.dropped {
                    family.add(&[&pipeline.name, reason], Value::Count(*count));
                }
            }
        },
    },
    Metric {
        name: "snowgate_dead_letters_total",
        kind: Kind::Counter,
        labels: &["pipeline", "reason"],
        help: "Records set aside in the dead letter topic",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for (reason, count) in &pipeline.dead_letters {
                    family.add(&[&pipeline.name, reason], Value::Count(*count));
                }
            }
        },
    },
    Metric {
        name: "snowgate_rows_committed_total",
        kind: Kind::Counter,
        labels: PIPELINE,
        help: "Rows that Snowflake says are in the table",
        series: |snapshot, family| each_pipeline(snapshot, family, |pipeline| Value::Count(pipeline.rows_committed)),
    },
    Metric {
        name: "snowgate_appends_total",
        kind: Kind::Counter,
        labels: PIPELINE,
        help: "Append requests that Snowflake took",
        series: |snapshot, family| each_pipeline(snapshot, family, |pipeline| Value::Count(pipeline.appends)),
    },
    Metric {
        name: "snowgate_append_bytes_total",
        kind: Kind::Counter,
        labels: PIPELINE,
        help: "Bytes of the bodies that Snowflake took, as sent",
        series: |snapshot, family| each_pipeline(snapshot, family, |pipeline| Value::Count(pipeline.append_bytes)),
    },
    Metric {
        name: "snowgate_append_errors_total",
        kind: Kind::Counter,
        labels: PIPELINE,
        help: "Append requests that failed, retries included",
        series: |snapshot, family| each_pipeline(snapshot, family, |pipeline| Value::Count(pipeline.append_errors)),
    },
    Metric {
        name: "snowgate_append_duration_seconds",
        kind: Kind::Histogram,
        labels: PIPELINE,
        help: "How long append requests took",
        series: |snapshot, family| each_pipeline(snapshot, family, |pipeline| Value::Histogram(pipeline.append_seconds.clone())),
    },
    Metric {
        name: "snowgate_plugin_info",
        kind: Kind::Info,
        labels: &["pipeline", "plugin", "version", "sha256"],
        help: "The build of a plugin that new batches go through",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for plugin in &pipeline.plugins {
                    family.add(&[&pipeline.name, &plugin.name, &plugin.version, &plugin.sha256], Value::Info);
                }
            }
        },
    },
    Metric {
        name: "snowgate_plugin_records_total",
        kind: Kind::Counter,
        labels: &["pipeline", "plugin", "verdict"],
        help: "Records a plugin gave a verdict on",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for plugin in &pipeline.plugins {
                    let verdicts = [
                        ("keep", plugin.kept),
                        ("replace", plugin.replaced),
                        ("split", plugin.split),
                        ("drop", plugin.dropped),
                        ("reject", plugin.rejected),
                    ];
                    for (verdict, count) in verdicts {
                        family.add(&[&pipeline.name, &plugin.name, verdict], Value::Count(count));
                    }
                }
            }
        },
    },
    Metric {
        name: "snowgate_plugin_faults_total",
        kind: Kind::Counter,
        labels: &["pipeline", "plugin"],
        help: "Times a plugin trapped, overran its time or its memory, and was started anew",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for plugin in &pipeline.plugins {
                    family.add(&[&pipeline.name, &plugin.name], Value::Count(plugin.faults));
                }
            }
        },
    },
    Metric {
        name: "snowgate_plugin_duration_seconds_total",
        kind: Kind::Counter,
        labels: &["pipeline", "plugin"],
        help: "Time spent in a plugin",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for plugin in &pipeline.plugins {
                    family.add(&[&pipeline.name, &plugin.name], Value::Seconds(plugin.seconds));
                }
            }
        },
    },
    Metric {
        name: "snowgate_plugin_custom_total",
        kind: Kind::Counter,
        labels: &["pipeline", "plugin", "name"],
        help: "What a plugin counts itself",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for plugin in &pipeline.plugins {
                    for (name, count) in &plugin.counters {
                        family.add(&[&pipeline.name, &plugin.name, name], Value::Count(*count));
                    }
                }
            }
        },
    },
    Metric {
        name: "snowgate_partition_lag_records",
        kind: Kind::Gauge,
        labels: PARTITION,
        help: "Records in Kafka that are not settled",
        series: |snapshot, family| each_partition(snapshot, family, |partition| partition.lag_records.map(whole)),
    },
    Metric {
        name: "snowgate_partition_lag_seconds",
        kind: Kind::Gauge,
        labels: PARTITION,
        help: "About how old the oldest record is that is not settled",
        series: |snapshot, family| each_partition(snapshot, family, |partition| partition.lag_seconds.map(Value::Number)),
    },
    Metric {
        name: "snowgate_partition_committed_offset",
        kind: Kind::Gauge,
        labels: CHANNEL,
        help: "The last offset that Snowflake says is in the table",
        series: |snapshot, family| each_channel(snapshot, family, |committed, _| committed),
    },
    Metric {
        name: "snowgate_partition_appended_offset",
        kind: Kind::Gauge,
        labels: CHANNEL,
        help: "The last offset that Snowflake took, no promise yet",
        series: |snapshot, family| each_channel(snapshot, family, |_, appended| appended),
    },
    Metric {
        name: "snowgate_partition_group_offset",
        kind: Kind::Gauge,
        labels: PARTITION,
        help: "The next offset the consumer group would start at",
        series: |snapshot, family| each_partition(snapshot, family, |partition| partition.group_offset.map(Value::Whole)),
    },
    Metric {
        name: "snowgate_partition_log_end_offset",
        kind: Kind::Gauge,
        labels: PARTITION,
        help: "The next offset that Kafka would write",
        series: |snapshot, family| each_partition(snapshot, family, |partition| partition.log_end_offset.map(Value::Whole)),
    },
    Metric {
        name: "snowgate_partition_blocked",
        kind: Kind::Gauge,
        labels: &["pipeline", "topic", "partition", "reason"],
        help: "1 for a partition that something holds back; no series for the others",
        series: |snapshot, family| {
            for pipeline in &snapshot.pipelines {
                for partition in &pipeline.partitions {
                    if let Some(blocked) = &partition.blocked {
                        let number = partition.partition.to_string();
                        family.add(&[&pipeline.name, &partition.topic, &number, &blocked.reason], Value::Whole(1));
                    }
                }
            }
        },
    },
    Metric {
        name: "snowgate_spans_lost_total",
        kind: Kind::Counter,
        labels: &[],
        help: "Spans that no collector took, where traces are sent",
        series: |snapshot, family| {
            if let Some(spans) = snapshot.spans_lost {
                family.add(&[], Value::Count(spans));
            }
        },
    },
    // The last of the table: it counts what the others left out.
    Metric {
        name: "snowgate_series_left_out",
        kind: Kind::Gauge,
        labels: &[],
        help: "Series missing from this scrape because their family was full",
        series: |_, family| {
            let left_out = family.left_out;
            family.add(&[], whole(left_out));
        },
    },
];

fn each_pipeline(snapshot: &Snapshot, family: &mut Family<'_>, value: impl Fn(&PipelineView) -> Value) {
    for pipeline in &snapshot.pipelines {
        family.add(&[&pipeline.name], value(pipeline));
    }
}

fn each_partition(snapshot: &Snapshot, family: &mut Family<'_>, value: impl Fn(&PartitionView) -> Option<Value>) {
    for pipeline in &snapshot.pipelines {
        for partition in &pipeline.partitions {
            if let Some(value) = value(partition) {
                family.add(&[&pipeline.name, &partition.topic, &partition.partition.to_string()], value);
            }
        }
    }
}

/// `offset` picks from a channel's committed and appended offsets.
fn each_channel(snapshot: &Snapshot, family: &mut Family<'_>, offset: impl Fn(Option<i64>, Option<i64>) -> Option<i64>) {
    for pipeline in &snapshot.pipelines {
        for partition in &pipeline.partitions {
            let number = partition.partition.to_string();
            let own = (&partition.table, partition.committed_offset, partition.appended_offset);
            let more = partition.more_tables.iter().map(|more| (&more.table, more.committed_offset, more.appended_offset));
            for (table, committed, appended) in iter::once(own).chain(more) {
                if let Some(offset) = offset(committed, appended) {
                    family.add(&[&pipeline.name, &partition.topic, &number, table], Value::Whole(offset));
                }
            }
        }
    }
}

fn whole(number: u64) -> Value {
    Value::Whole(i64::try_from(number).unwrap_or(i64::MAX))
}

enum Value {
    Count(u64),
    Seconds(f64),
    Whole(i64),
    Number(f64),
    Histogram(Histogram),
    Info,
}

/// The series of one metric, on their way out.
struct Family<'a> {
    encoder: MetricEncoder<'a>,
    labels: &'static [&'static str],
    written: usize,
    left_out: u64,
    result: fmt::Result,
}

impl Family<'_> {
    fn add(&mut self, values: &[&str], value: Value) {
        debug_assert_eq!(values.len(), self.labels.len(), "every label has a value");
        if self.written == MAX_SERIES {
            self.left_out += 1;
        } else if self.result.is_ok() {
            self.written += 1;
            self.result = self.write(values, value);
        }
    }

    fn write(&mut self, values: &[&str], value: Value) -> fmt::Result {
        let labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values.iter().copied()).collect();
        if let Value::Info = value {
            return self.encoder.encode_info(&labels);
        }
        let mut series = self.encoder.encode_family(&labels)?;
        match value {
            Value::Count(count) => series.encode_counter::<NoLabelSet, _, u64>(&count, None),
            Value::Seconds(seconds) => series.encode_counter::<NoLabelSet, _, f64>(&seconds, None),
            Value::Whole(number) => series.encode_gauge(&number),
            Value::Number(number) => series.encode_gauge(&number),
            Value::Histogram(Histogram { counts, above, sum_seconds }) => {
                let mut buckets: Vec<(f64, u64)> = Histogram::BOUNDS.into_iter().zip(counts).collect();
                buckets.push((f64::INFINITY, above));
                let count = counts.iter().sum::<u64>() + above;
                series.encode_histogram::<NoLabelSet>(sum_seconds, count, &buckets, None)
            }
            Value::Info => Ok(()),
        }
    }
}

/// One scrape.
#[derive(Debug)]
struct Scrape(Snapshot);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut left_out = 0;
        for metric in ALL {
            // The encoder writes these endings itself.
            let (kind, name) = match metric.kind {
                Kind::Counter => (MetricType::Counter, metric.name.trim_end_matches("_total")),
                Kind::Info => (MetricType::Info, metric.name.trim_end_matches("_info")),
                Kind::Gauge => (MetricType::Gauge, metric.name),
                Kind::Histogram => (MetricType::Histogram, metric.name),
            };
            let encoder = encoder.encode_descriptor(name, metric.help, None, kind)?;
            let mut family = Family { encoder, labels: metric.labels, written: 0, left_out, result: Ok(()) };
            (metric.series)(&self.0, &mut family);
            left_out = family.left_out;
            family.result?;
        }
        Ok(())
    }
}

/// How a scrape is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    /// Prometheus' older text, for whoever does not name the other.
    Plain,
}

impl Format {
    pub(super) fn accepted_by<'a>(mut accept: impl Iterator<Item = &'a str>) -> Format {
        if accept.any(|types| types.contains("application/openmetrics-text")) { Format::OpenMetrics } else { Format::Plain }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Plain => prometheus_text::CONTENT_TYPE,
        }
    }
}

pub(super) fn text(snapshot: Snapshot, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(snapshot)));
    let mut text = String::new();
    match format {
        Format::OpenMetrics => open_metrics::encode(&mut text, &registry)?,
        Format::Plain => prometheus_text::encode(&mut text, &registry)?,
    }
    Ok(text)
}
