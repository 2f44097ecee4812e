//! The way of spans out of the process: a bounded queue, a thread that sends, and an account of what gets lost.
//!
//! OpenTelemetry's own processor drops what its queue has no room for and keeps the number to itself. So [`Bounded`] lets a span into
//! the queue only where [`Account`] has room for it, and [`Counted`] makes room again when spans are on their way to the collector.
//!
//! What must stay true: whoever ends a span never waits; every span that ended waits, is on its way, was taken, or is counted as lost.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use tracing::warn;

/// Spans that may wait where `OTEL_BSP_MAX_QUEUE_SIZE` does not say: the number of the specification, about 4 MB.
pub(super) const QUEUE_SPANS: usize = 2_048;
/// How often the log says that spans get lost.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Sends spans with `exporter`, in batches and from a thread of its own; as many wait as `account` has room for.
pub(super) fn processor<E: SpanExporter + 'static>(exporter: E, account: &Arc<Account>) -> impl SpanProcessor + use<E> {
    let config = BatchConfigBuilder::default().with_max_queue_size(account.room).build();
    let exporter = Counted { exporter, account: account.clone() };
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    Bounded { processor, account: account.clone() }
}

/// What became of the spans that ended.
#[derive(Debug)]
pub(super) struct Account {
    collector: String,
    room: usize,
    waiting: AtomicUsize,
    lost: AtomicU64,
    told: Mutex<Told>,
}

/// What the log was told of losses.
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    lost: u64,
}

impl Account {
    pub(super) fn new(collector: String, room: usize) -> Account {
        Account { collector, room, waiting: AtomicUsize::new(0), lost: AtomicU64::new(0), told: Mutex::default() }
    }

    /// Spans that no collector will ever see.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether there was room for one more.
    fn enter(&self) -> bool {
        let one_more = |waiting| (waiting < self.room).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn leave(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }

    fn lose(&self, spans: usize, error: &dyn Display) {
        self.lost.fetch_add(spans as u64, Ordering::Relaxed);
        if let Some(lost) = self.to_tell(Instant::now()) {
            warn!(collector = self.collector, spans = lost, error = %error, "traces were lost; records are not held back");
        }
    }

    /// Nothing is sent any more: what still waits is lost.
    pub(super) fn close(&self) {
        let waiting = self.waiting.swap(0, Ordering::Relaxed);
        self.lost.fetch_add(waiting as u64, Ordering::Relaxed);
        let lost = self.lost();
        if lost > 0 {
            warn!(collector = self.collector, spans = lost, "traces were lost since the start");
        }
    }

    /// How many were lost since this was last told, if it is time to tell it.
    fn to_tell(&self, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.at.is_some_and(|at| now.saturating_duration_since(at) < WARN_INTERVAL) {
            return None;
        }
        let lost = self.lost();
        let since = lost - told.lost;
        *told = Told { at: Some(now), lost };
        Some(since)
    }
}

/// Takes what there is room for.
#[derive(Debug)]
struct Bounded<P> {
    processor: P,
    account: Arc<Account>,
}

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.processor.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.account.enter() {
            self.processor.on_end(span);
        } else {
            self.account.lose(1, &"there are more than the collector takes in time");
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

/// An exporter that says what it takes and what it loses.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    account: Arc<Account>,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        // They have left the queue, whatever becomes of them.
        self.account.leave(spans);
        let result = self.exporter.export(batch).await;
        if let Err(error) = &result {
            self.account.lose(spans, error);
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.exporter.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    /// A collector that answers when it is told to.
    #[derive(Debug)]
    struct Slow {
        began: Sender<usize>,
        answers: Mutex<Receiver<OTelSdkResult>>,
    }

    impl SpanExporter for Slow {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.began.send(batch.len()).unwrap();
            self.answers.lock().unwrap().recv().unwrap()
        }
    }

    #[test]
    fn spans_beyond_the_queue_and_those_of_a_refused_request_are_lost_and_counted_and_nobody_waits() {
        let (began, begins) = channel();
        let (answer, answers) = channel();
        let account = Arc::new(Account::new("c".to_owned(), 4));
        let exporter = Slow { began, answers: Mutex::new(answers) };
        let provider = SdkTracerProvider::builder().with_span_processor(processor(exporter, &account)).build();
        let tracer = provider.tracer("test");
        let end = |spans: usize| (0..spans).for_each(|_| drop(tracer.start("span")));
        // The queue's own size is a batch too, so four spans are sent at once.
        end(4);
        assert_eq!(begins.recv(), Ok(4));
        // The collector is slow: four more wait, and three find no room.
        end(7);
        assert_eq!(account.lost(), 3);
        answer.send(Err(OTelSdkError::InternalFailure("503".to_owned()))).unwrap();
        answer.send(Ok(())).unwrap();
        provider.shutdown().unwrap();
        assert_eq!((begins.recv(), account.lost()), (Ok(4), 7));
        account.close();
        assert_eq!(account.lost(), 7);
    }

    #[test]
    fn what_waits_when_nothing_is_sent_any_more_is_lost() {
        let account = Account::new("c".to_owned(), 2);
        assert!(account.enter() && account.enter() && !account.enter());
        account.leave(1);
        account.close();
        assert_eq!(account.lost(), 1);
    }

    #[test]
    fn losses_are_told_at_once_and_then_once_a_minute_with_their_number() {
        let account = Account::new("c".to_owned(), 1);
        let start = Instant::now();
        let lose = |spans| account.lost.fetch_add(spans, Ordering::Relaxed);
        lose(3);
        assert_eq!(account.to_tell(start), Some(3));
        lose(2);
        assert_eq!(account.to_tell(start + WARN_INTERVAL / 2), None);
        lose(1);
        assert_eq!(account.to_tell(start + WARN_INTERVAL), Some(3));
    }
}
