//! `snowgate-sandbox drain`: the plain consumer that the gateway is measured against.
//!
//! It takes a topic's records in batches, straight from librdkafka's batch call, as fast as they come, counts them and their bytes, and
//! lets them go: the least that a program can do with a topic. Its CPU time for a record is therefore the floor under every pipeline.
//! It is given the same consumer properties that matter for speed as the gateway gives itself.

use std::ptr;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Serialize;

use crate::serve::say;

/// Records asked for in one call.
const BATCH: usize = 5_000;
/// How long a call may wait for its batch to fill.
const FILL: Duration = Duration::from_millis(50);
/// How long nothing at all may come before the drain gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a whole topic with a plain librdkafka batch consumer and prints what that cost.
#[derive(Debug, Args)]
pub(crate) struct DrainArgs {
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: String,
    #[arg(long, default_value = "binance_kline")]
    topic: String,
    #[arg(long)]
    json: bool,
}

/// What draining a topic took.
#[derive(Debug, Serialize)]
struct Drained {
    records: u64,
    bytes: u64,
    seconds: f64,
    /// User and system time of all threads, start to end.
    cpu_seconds: f64,
    cpu_ns_per_record: f64,
    peak_rss_bytes: u64,
}

pub(crate) fn run(args: &DrainArgs) -> Result<(), String> {
    let drained = drain(&args.bootstrap, &args.topic)?;
    if args.json {
        say(&serde_json::to_string(&drained).map_err(|error| error.to_string())?);
    } else {
        let Drained { records, bytes, seconds, cpu_ns_per_record, .. } = drained;
        let rate = records as f64 / seconds;
        say(&format!(
            "read {records} records ({bytes} bytes) in {seconds:.1} s, {rate:.0} a second, {cpu_ns_per_record:.0} ns of CPU each"
        ));
    }
    Ok(())
}

fn drain(bootstrap: &str, topic: &str) -> Result<Drained, String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "snowgate-sandbox-drain")
        .set("client.id", "snowgate-sandbox-drain")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("check.crcs", "true")
        .set("fetch.max.bytes", "8388608")
        .set("max.partition.fetch.bytes", "1048576")
        .set("queued.max.messages.kbytes", "16384")
        .set("queued.min.messages", "100000")
        .set("fetch.queue.backoff.ms", "10")
        .create()
        .map_err(|error| format!("could not make a consumer: {error}"))?;
    let metadata =
        consumer.fetch_metadata(Some(topic), PATIENCE).map_err(|error| format!("no broker answers at `{bootstrap}`: {error}"))?;
    let partitions = metadata.topics().first().map_or(0, |found| found.partitions().len());
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    for partition in 0..i32::try_from(partitions).map_err(|error| error.to_string())? {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition, PATIENCE)
            .map_err(|error| format!("could not look at partition {partition}: {error}"))?;
        left += u64::try_from(high - low).map_err(|error| error.to_string())?;
        assignment.add_partition_offset(topic, partition, Offset::Offset(low)).map_err(|error| error.to_string())?;
    }
    if left == 0 {
        return Err(format!("topic `{topic}` holds no records"));
    }
    let started = Instant::now();
    consumer.assign(&assignment).map_err(|error| format!("could not assign the partitions: {error}"))?;
    let mut batches = Batches::new(&consumer);
    let (mut records, mut bytes, mut heard) = (0, 0, Instant::now());
    while records < left {
        let (more, sizes) = batches.next()?;
        records += more;
        bytes += sizes;
        if more > 0 {
            heard = Instant::now();
        } else if heard.elapsed() > PATIENCE {
            return Err(format!("read {records} of {left} records, and no more came in {PATIENCE:?}"));
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    drop(batches);
    let (cpu_seconds, peak_rss_bytes) = usage();
    Ok(Drained { records, bytes, seconds, cpu_seconds, cpu_ns_per_record: cpu_seconds * 1e9 / records as f64, peak_rss_bytes })
}

/// The consumer's queue, read in batches.
struct Batches<'a> {
    consumer: &'a BaseConsumer,
    queue: *mut sys::rd_kafka_queue_t,
    messages: Vec<*mut sys::rd_kafka_message_t>,
}

impl<'a> Batches<'a> {
    fn new(consumer: &'a BaseConsumer) -> Batches<'a> {
        // SAFETY: the client is alive; the handle it gives is ours until `drop` gives it back.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Batches { consumer, queue, messages: vec![ptr::null_mut(); BATCH] }
    }

    /// Takes the next batch, which may be empty: its records and the bytes of their values.
    fn next(&mut self) -> Result<(u64, u64), String> {
        let timeout = i32::try_from(FILL.as_millis()).expect("a short time");
        // SAFETY: the queue lives as long as `self`, and the array has room for as many pointers as it is said to have.
        let taken =
            unsafe { sys::rd_kafka_consume_batch_queue(self.queue, timeout, self.messages.as_mut_ptr(), self.messages.len()) };
        let taken = usize::try_from(taken).map_err(|_| "librdkafka could not be asked for records".to_owned())?;
        let (mut records, mut bytes, mut failed) = (0, 0, None);
        for message in &self.messages[..taken] {
            // SAFETY: librdkafka filled the first `taken` places with messages that are ours until they are destroyed, once, below.
            unsafe {
                match (**message).err {
                    RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {
                        records += 1;
                        bytes += (**message).len as u64;
                    }
                    code => failed = Some(format!("{code:?}")),
                }
                sys::rd_kafka_message_destroy(*message);
            }
        }
        match failed {
            // A broker that goes away for a moment comes back; only silence ends the drain.
            Some(code) if records == 0 && self.consumer.client().fatal_error().is_some() => {
                Err(format!("the consumer failed: {code}"))
            }
            _ => Ok((records, bytes)),
        }
    }
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle from `new`, given back once; the consumer is still alive.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) };
    }
}

/// CPU seconds and the largest resident size of this process so far.
fn usage() -> (f64, u64) {
    // SAFETY: all-zero bytes are a valid `rusage`, and the call writes nothing else.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

    use super::*;
    use crate::broker::Broker;

    #[test]
    fn all_records_of_all_partitions_are_read() {
        let broker = Broker::start(&[("full".to_owned(), 3)]).expect("a broker");
        let bootstrap = broker.bootstrap_servers();
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &bootstrap).create().expect("a producer");
        for i in 0..3000 {
            producer.send(BaseRecord::<(), str>::to("full").partition(i % 3).payload("12345")).expect("room for a record");
        }
        producer.flush(Duration::from_secs(30)).expect("the broker takes the records");
        let drained = drain(&bootstrap, "full").expect("the topic can be read");
        assert_eq!((drained.records, drained.bytes), (3000, 15_000));
        assert!(drained.cpu_ns_per_record > 0.0 && drained.peak_rss_bytes > 0);
    }

    #[test]
    fn an_empty_topic_is_said_to_be_empty() {
        let broker = Broker::start(&[("void".to_owned(), 1)]).expect("a broker");
        let error = drain(&broker.bootstrap_servers(), "void").expect_err("nothing to read");
        assert_eq!(error, "topic `void` holds no records");
    }
}
