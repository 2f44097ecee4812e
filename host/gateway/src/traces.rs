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
//! Here is what is asked for; [`body`] makes the spans and [`export`] sends them. Names and attributes follow OpenTelemetry's semantic
//! conventions for messaging, databases and HTTP; what has no name there begins with `snowgate.`.
//!
//! What must stay true: without a collector no clock is read and no span is made; a collector that is slow or away costs spans, never
//! records; no attribute holds a key, a value or a secret.

mod body;
mod export;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{info, warn};

pub(crate) use body::{AppendSpan, BodyTrace, Origin, Times};
use export::{Account, QUEUE_SPANS};

/// Where a collector takes traces, below the address that is configured.
const TRACES_PATH: &str = "/v1/traces";

/// Makes spans and sends them.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    account: Arc<Account>,
}

/// Why traces cannot be sent; without the login that an address may hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ExporterRefused(String);

impl Traces {
    /// Sends to the collector at `otlp`, else to the one that OpenTelemetry's own variables name. `None` where nobody names one.
    ///
    /// The other variables (headers, timeout, compression, sampler, limits) are read by OpenTelemetry itself.
    pub(crate) fn start(otlp: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Traces>, ExporterRefused> {
        let said = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let Some(named) = collector(otlp, said) else { return Ok(None) };
        let collector = without_login(&named);
        let mut exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        if let Some(otlp) = otlp {
            exporter = exporter.with_endpoint(endpoint(otlp));
        }
        let refused = |error: ExporterBuildError| ExporterRefused(error.to_string().replace(&named, &collector));
        let exporter = exporter.build().map_err(refused)?;
        let room = said("OTEL_BSP_MAX_QUEUE_SIZE").and_then(|size| size.parse().ok()).unwrap_or(QUEUE_SPANS);
        info!(%collector, "traces are sent");
        let account = Arc::new(Account::new(collector, room));
        let processor = export::processor(exporter, &account);
        let provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource(said)).build();
        Ok(Some(Traces { provider, account }))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("snowgate")
    }

    /// Spans that no collector will ever see.
    pub(crate) fn lost(&self) -> u64 {
        self.account.lost()
    }

    /// Sends what is left, for as long as `patience`. Blocks.
    pub(crate) fn finish(&self, patience: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(patience) {
            warn!(error = %error, "the last traces were not sent");
        }
        self.account.close();
    }
}

/// The collector to send to, as it is named.
fn collector(otlp: Option<&str>, said: impl Fn(&str) -> Option<String>) -> Option<String> {
    let off = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let by_variable = || ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].into_iter().find_map(said);
    otlp.map(str::to_owned).or_else(by_variable).filter(|_| !off)
}

/// An address as it may be shown: a variable may hold a password.
fn without_login(address: &str) -> String {
    let Some((before, host)) = address.rsplit_once('@') else { return address.to_owned() };
    match before.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://{host}"),
        None => host.to_owned(),
    }
}

/// The address for traces, from the one for everything.
fn endpoint(otlp: &str) -> String {
    let base = otlp.trim_end_matches('/');
    if base.ends_with(TRACES_PATH) { base.to_owned() } else { format!("{base}{TRACES_PATH}") }
}

/// What all spans of this process have in common. A variable's name for the service wins over ours.
fn resource(said: impl Fn(&str) -> Option<String>) -> Resource {
    let named = said("OTEL_SERVICE_NAME").is_some()
        || said("OTEL_RESOURCE_ATTRIBUTES")
            .is_some_and(|list| list.split(',').any(|pair| pair.trim_start().starts_with("service.name=")));
    let resource = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if named { resource.build() } else { resource.with_service_name("snowgate").build() }
}

#[cfg(test)]
mod tests;
