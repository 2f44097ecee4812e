//! OpenTelemetry traces, where they are asked for: each body is one trace, from its first record's arrival to its commit.
//!
//! ```text
//! process TOPIC              from the first batch read to the committed offset that covers the body; links to the producers
//! ├ receive TOPIC            a batch taken from Kafka      ┐
//! ├ transform                through plugins and transforms├ for each batch that went into the body
//! ├ encode                   records → rows                ┘
//! ├ append TABLE             one request; one more for each time it is sent again
//! └ commit TOPIC             from Snowflake's answer to the committed offset
//! ```
//! Here is how spans get out of the process; [`body`] makes them. Names and attributes follow OpenTelemetry's semantic conventions for
//! messaging and databases, and what has no name there begins with `snowgate.`.
//!
//! What must stay true: without a collector no clock is read and no span is made; a collector that is slow or away costs spans, never
//! records; no attribute holds a key, a value or a secret.

mod body;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tracing::{info, warn};

pub(crate) use body::{AppendSpan, BodyTrace, Origin, Times};

/// Where a collector takes traces, below the address that is configured.
const TRACES_PATH: &str = "/v1/traces";
/// How often the log says that spans get lost.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Makes spans and sends them, in batches and from a thread of its own.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sends to the collector at `otlp`, else to the one that OpenTelemetry's own variables name. `None` where nobody names one.
    pub(crate) fn start(
        otlp: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Traces>, ExporterBuildError> {
        let said = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let named = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].into_iter().find_map(said);
        let off = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
        if off || (otlp.is_none() && named.is_none()) {
            return Ok(None);
        }
        let mut exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        if let Some(otlp) = otlp {
            exporter = exporter.with_endpoint(endpoint(otlp));
        }
        let exporter = Guarded { exporter: exporter.build()?, trouble: Mutex::default() };
        let mut resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if said("OTEL_SERVICE_NAME").is_none()
            && !said("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|list| list.contains("service.name="))
        {
            resource = resource.with_service_name("snowgate");
        }
        info!(collector = otlp.or(named.as_deref()).map(without_login), "traces are sent");
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build());
        Ok(Some(Traces { provider: provider.build() }))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("snowgate")
    }

    /// Sends what is left, for as long as `patience`. Blocks.
    pub(crate) fn finish(&self, patience: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(patience) {
            warn!(error = %error, "the last traces were not sent");
        }
    }
}

/// The address for traces, from the one for everything.
fn endpoint(otlp: &str) -> String {
    let base = otlp.trim_end_matches('/');
    if base.ends_with(TRACES_PATH) { base.to_owned() } else { format!("{base}{TRACES_PATH}") }
}

/// An address as the log may show it: a variable may hold a password.
fn without_login(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => address.to_owned(),
    }
}

/// An exporter whose failures are told, now and then.
#[derive(Debug)]
struct Guarded<E> {
    exporter: E,
    trouble: Mutex<Trouble>,
}

#[derive(Debug, Default)]
struct Trouble {
    told: Option<Instant>,
    lost: u64,
}

impl Trouble {
    /// How many spans were lost since this was last told, if it is time to tell it.
    fn tell(&mut self, spans: usize, now: Instant) -> Option<u64> {
        self.lost += spans as u64;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < WARN_INTERVAL) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.lost))
    }
}

impl<E: SpanExporter> SpanExporter for Guarded<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        if let Err(error) = &result {
            let lost = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).tell(spans, Instant::now());
            if let Some(lost) = lost {
                warn!(spans = lost, error = %error, "traces could not be sent; records are not held back");
            }
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
mod tests;
