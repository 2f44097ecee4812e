//! The kline source: publishes the records of `kline.rs` to Kafka as the exporter does, without keys, and says what it published.
//!
//! Record `i` goes to partition `i % partitions`, so that whoever knows the seed and the count knows every offset of a fresh topic. The
//! producer is idempotent: a lost answer doubles nothing, and the order within a partition is the order of numbers. Record timestamps
//! are the moment of sending; older ones would be deleted by the broker's retention.
//!
//! With `--ledger` the source follows what has reached Snowflake and stays at most `--ahead` records before it, because the embedded
//! broker silently forgets what it has no room for.
//!
//! It ends when all records are delivered, or on SIGTERM or ctrl-c after those it has sent; the summary holds in both cases.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};
use serde::Serialize;

use crate::client::ask;
use crate::kline::{kline, symbol_of};
use crate::serve::say;

/// Records between two looks at the clock, the ledger and the delivery reports.
const STRIDE: u64 = 500;
/// How often the ledger is asked at the most.
const LEDGER_EVERY: Duration = Duration::from_millis(100);
/// How long delivery may take once everything is sent.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(120);

/// Publishes Binance klines as the exporter writes them, and says what it published.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// Where Kafka is.
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: String,
    #[arg(long, default_value = "binance_kline")]
    topic: String,
    /// Partitions to fill; the topic must have them.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    partitions: u16,
    /// How many records; without it, until told to stop.
    #[arg(long)]
    records: Option<u64>,
    /// Records a second; without it, as fast as the broker takes them.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Another seed, other prices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t = Compression::Zstd)]
    compression: Compression,
    /// A stand-in's plain HTTP address, to stay at most `--ahead` records before what it has committed.
    #[arg(long, value_name = "URL")]
    ledger: Option<String>,
    /// 120,000 klines take about a fifth of what the embedded broker keeps in four partitions.
    #[arg(long, default_value_t = 120_000, requires = "ledger")]
    ahead: u64,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Compression {
    None,
    Lz4,
    Zstd,
}

/// What was delivered.
#[derive(Debug, Serialize)]
struct Summary {
    topic: String,
    seed: u64,
    records: u64,
    bytes: u64,
    seconds: f64,
    /// Independent of order: see [`Delivered`].
    checksum: String,
    partitions: Vec<Delivered>,
    /// Records of each symbol.
    symbols: BTreeMap<&'static str, u64>,
}

/// What one partition took.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
struct Delivered {
    partition: i32,
    records: u64,
    first_offset: i64,
    last_offset: i64,
    /// The sum of the FNV-1a hashes (64 bits, wrapping) of its values.
    #[serde(serialize_with = "as_hex")]
    checksum: u64,
}

pub(crate) fn run(args: &SourceArgs) -> Result<(), String> {
    stop_on_signals();
    let summary = publish(args)?;
    if args.json {
        say(&serde_json::to_string(&summary).map_err(|error| error.to_string())?);
    } else {
        let each: Vec<_> = summary.partitions.iter().map(|p| format!("{}: {}", p.partition, p.records)).collect();
        say(&format!(
            "published {} records ({} MB) to `{}` in {:.1} s\n  partitions  {}\n  checksum    {}",
            summary.records,
            summary.bytes / 1_000_000,
            summary.topic,
            summary.seconds,
            each.join(", "),
            summary.checksum
        ));
    }
    Ok(())
}

fn publish(args: &SourceArgs) -> Result<Summary, String> {
    let started = Instant::now();
    let partitions = u64::from(args.partitions);
    let producer = producer(args)?;
    let mut pace = Pace { args, started, committed: 0, asked: None };
    let mut symbols = BTreeMap::new();
    let mut value = Vec::with_capacity(512);
    let mut bytes = 0;
    let mut i = 0;
    while args.records.is_none_or(|records| i < records) && !told_to_stop() {
        if i.is_multiple_of(STRIDE) || args.rate.is_some() {
            producer.poll(Duration::ZERO);
            reports(&producer).check()?;
            if !pace.may_send(i)? {
                producer.poll(Duration::from_millis(5));
                continue;
            }
        }
        value.clear();
        kline(args.seed, i, &mut value);
        let partition = i32::try_from(i % partitions).expect("a partition's number is small");
        send(&producer, BaseRecord::<(), [u8]>::to(&args.topic).partition(partition).payload(&value))?;
        bytes += value.len() as u64;
        *symbols.entry(symbol_of(i)).or_default() += 1;
        i += 1;
    }
    let until = Instant::now() + DELIVERY_PATIENCE;
    while producer.in_flight_count() > 0 && Instant::now() < until {
        producer.poll(Duration::from_millis(50));
        reports(&producer).check()?;
    }
    let reports = reports(&producer);
    reports.check()?;
    let delivered: u64 = reports.partitions.values().map(|partition| partition.records).sum();
    if delivered != i {
        return Err(format!("the broker at `{}` confirmed {delivered} of {i} records in {DELIVERY_PATIENCE:?}", args.bootstrap));
    }
    let checksum = reports.partitions.values().fold(0u64, |sum, partition| sum.wrapping_add(partition.checksum));
    Ok(Summary {
        topic: args.topic.clone(),
        seed: args.seed,
        records: delivered,
        bytes,
        seconds: started.elapsed().as_secs_f64(),
        checksum: format!("{checksum:016x}"),
        partitions: reports.partitions.values().cloned().collect(),
        symbols,
    })
}

fn producer(args: &SourceArgs) -> Result<BaseProducer<Context>, String> {
    let compression = match args.compression {
        Compression::None => "none",
        Compression::Lz4 => "lz4",
        Compression::Zstd => "zstd",
    };
    ClientConfig::new()
        .set("bootstrap.servers", &args.bootstrap)
        .set("client.id", "snowgate-sandbox-source")
        .set("enable.idempotence", "true")
        .set("compression.type", compression)
        // Batches like those of a busy exporter; the mock broker serves one batch a fetch, so small ones would starve its readers.
        .set("linger.ms", "20")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "100000")
        .set("queue.buffering.max.kbytes", "131072")
        .create_with_context(Context::default())
        .map_err(|error| format!("could not make a producer: {error}"))
}

fn send(producer: &BaseProducer<Context>, mut record: BaseRecord<'_, (), [u8]>) -> Result<(), String> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(10));
                reports(producer).check()?;
            }
            Err((error, _)) => return Err(format!("could not send a record: {error}")),
        }
    }
}

/// Says when the next record may go.
struct Pace<'a> {
    args: &'a SourceArgs,
    started: Instant,
    /// Records known to have reached Snowflake.
    committed: u64,
    asked: Option<Instant>,
}

impl Pace<'_> {
    fn may_send(&mut self, sent: u64) -> Result<bool, String> {
        let due = |rate: u64| self.started.elapsed().as_secs_f64() * rate as f64 >= sent as f64;
        if !self.args.rate.is_none_or(due) {
            return Ok(false);
        }
        let Some(url) = &self.args.ledger else { return Ok(true) };
        if sent < self.committed + self.args.ahead {
            return Ok(true);
        }
        if self.asked.is_none_or(|asked| asked.elapsed() >= LEDGER_EVERY) {
            self.asked = Some(Instant::now());
            self.committed = committed(url, &self.args.topic)?;
        }
        Ok(sent < self.committed + self.args.ahead)
    }
}

/// How many records of a topic are behind us: in each partition, all up to the last one that reached a table.
fn committed(url: &str, topic: &str) -> Result<u64, String> {
    let ledger = ask(url, "/sandbox/ledger", None)?;
    let tables = ledger["tables"].as_array().into_iter().flatten();
    let partitions = tables.flat_map(|table| table["ledger"]["partitions"].as_array().into_iter().flatten());
    let of_topic = partitions.filter(|partition| partition["topic"] == topic);
    let mut ends: BTreeMap<i64, u64> = BTreeMap::new();
    for partition in of_topic {
        let end = partition["max"].as_u64().map_or(0, |max| max + 1);
        let known = ends.entry(partition["partition"].as_i64().unwrap_or_default()).or_default();
        *known = end.max(*known);
    }
    Ok(ends.values().sum())
}

/// The producer's context: collects delivery reports.
#[derive(Default)]
struct Context {
    reports: Mutex<Reports>,
}

#[derive(Default)]
struct Reports {
    partitions: BTreeMap<i32, Delivered>,
    failed: Option<String>,
}

impl Reports {
    fn check(&self) -> Result<(), String> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn delivered(&mut self, partition: i32, offset: i64, value: &[u8]) {
        let fresh = || Delivered { partition, first_offset: offset, last_offset: offset, ..Delivered::default() };
        let one = self.partitions.entry(partition).or_insert_with(fresh);
        one.records += 1;
        one.first_offset = one.first_offset.min(offset);
        one.last_offset = one.last_offset.max(offset);
        one.checksum = one.checksum.wrapping_add(fnv1a(value));
    }
}

impl ClientContext for Context {
    /// librdkafka's own words go nowhere: what matters arrives with the delivery reports.
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}

    /// As above; a broker that cannot be reached is told once, for it may come back.
    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            eprintln!("waiting for the broker: {reason}");
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(record) => reports.delivered(record.partition(), record.offset(), record.payload().unwrap_or_default()),
            Err((error, record)) => {
                let first = format!(
                    "the broker did not take a record for partition {} of `{}`: {error}",
                    record.partition(),
                    record.topic()
                );
                reports.failed.get_or_insert(first);
            }
        }
    }
}

fn reports(producer: &BaseProducer<Context>) -> std::sync::MutexGuard<'_, Reports> {
    let context: &Arc<Context> = producer.context();
    context.reports.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn as_hex<S: serde::Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{value:016x}"))
}

static STOP: AtomicBool = AtomicBool::new(false);

fn told_to_stop() -> bool {
    STOP.load(Ordering::Relaxed)
}

fn stop_on_signals() {
    extern "C" fn stop(_: libc::c_int) {
        STOP.store(true, Ordering::Relaxed);
    }
    let handler = stop as extern "C" fn(libc::c_int);
    for signal in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: the handler only stores to an atomic, which a signal handler may do.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::broker::Broker;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        source: SourceArgs,
    }

    fn args(line: &[&str]) -> SourceArgs {
        Line::try_parse_from([&["source"], line].concat()).expect("good flags").source
    }

    #[test]
    fn the_summary_is_what_the_seed_gives() {
        let broker = Broker::start(&[("klines".to_owned(), 3)]).expect("a broker");
        let bootstrap = broker.bootstrap_servers();
        let summary = publish(&args(&[
            "--bootstrap",
            &bootstrap,
            "--topic",
            "klines",
            "--partitions",
            "3",
            "--records",
            "1000",
            "--seed",
            "9",
        ]));
        let summary = summary.expect("the broker takes the records");

        let mut expected = [0u64; 3];
        for i in 0..1000u64 {
            let mut value = Vec::new();
            kline(9, i, &mut value);
            let sum = &mut expected[(i % 3) as usize];
            *sum = sum.wrapping_add(fnv1a(&value));
        }
        let counts: Vec<_> = summary.partitions.iter().map(|p| (p.partition, p.records, p.first_offset, p.last_offset)).collect();
        assert_eq!(counts, [(0, 334, 0, 333), (1, 333, 0, 332), (2, 333, 0, 332)]);
        assert_eq!(summary.partitions.iter().map(|p| p.checksum).collect::<Vec<_>>(), expected);
        assert_eq!(summary.symbols.values().collect::<Vec<_>>(), vec![&100; 10]);
    }

    #[test]
    fn a_refused_record_is_an_error_and_not_a_shorter_summary() {
        let broker = Broker::start(&[("narrow".to_owned(), 1)]).expect("a broker");
        let bootstrap = broker.bootstrap_servers();
        let refused = publish(&args(&["--bootstrap", &bootstrap, "--topic", "narrow", "--partitions", "2", "--records", "1000"]));
        let error = refused.expect_err("partition 1 does not exist");
        assert!(error.contains("record"), "{error}");
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
