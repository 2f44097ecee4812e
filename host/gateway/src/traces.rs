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
//! Here is what is asked for; [`collector`] says where to, [`body`] makes the spans and [`export`] sends them. Names and attributes follow OpenTelemetry's semantic
//! conventions for messaging, databases and HTTP; what has no name there begins with `snowgate.`.
//!
//! What must stay true: without a collector no clock is read and no span is made; a collector that is slow or away costs spans, never
//! records; no attribute holds a key, a value or a secret.

mod body;
mod collector;
mod export;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{info, warn};

pub(crate) use body::{AppendSpan, BodyTrace, Origin, Times};
use collector::Collector;
pub(crate) use collector::Refused;
use export::Account;

/// Makes spans and sends them.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    account: Arc<Account>,
}

impl Traces {
    /// Sends to the collector at `otlp`, else to the one that OpenTelemetry's own variables name. `None` where nobody names one.
    ///
    /// The other variables (headers, compression, sampler) are read by OpenTelemetry itself.
    pub(crate) fn start(otlp: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Traces>, Refused> {
        let said = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let Some(collector) = Collector::of(otlp, said)? else { return Ok(None) };
        let account = Arc::new(Account::new(collector.address.clone(), collector.queue_spans));
        info!(collector = collector.address, "traces are sent");
        let processor = export::processor(collector.exporter()?, &account);
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
