//! Where traces go, as the file and OpenTelemetry's own variables say.
//!
//! OpenTelemetry reads most of its variables itself and passes over what it does not understand. What would end the process or never
//! end, what its log would show, and what it does not read at all is looked at here, before anything is started.

use std::ops::RangeInclusive;
use std::time::Duration;

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use reqwest::Certificate;
use reqwest::blocking::Client;

use super::export::QUEUE_SPANS;

/// Where a collector takes traces, below the address that is configured.
const TRACES_PATH: &str = "/v1/traces";
/// The one for traces has the word.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const CERTIFICATES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// OpenTelemetry's own.
const TIMEOUT_MS: u64 = 10_000;

const QUEUE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
/// About 2 kB each: 128 MB.
const SPANS: RangeInclusive<u64> = 1..=65_536;
/// Milliseconds up to an hour.
const WAIT: RangeInclusive<u64> = 1..=3_600_000;
/// Of one span.
const LIMIT: RangeInclusive<u64> = 0..=65_536;

const NUMBERS: [(&str, RangeInclusive<u64>); 8] = [
    (QUEUE, SPANS),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", SPANS),
    ("OTEL_BSP_SCHEDULE_DELAY", WAIT),
    (TIMEOUTS[0], WAIT),
    (TIMEOUTS[1], WAIT),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", LIMIT),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", LIMIT),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", LIMIT),
];

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "`{variable}` holds a login, which OpenTelemetry's log would show; put it into `OTEL_EXPORTER_OTLP_HEADERS`, as `authorization=…`"
    )]
    Login { variable: &'static str },
    #[error("`{variable}` is `{written}`, no whole number from {} to {}", range.start(), range.end())]
    Number { variable: &'static str, written: String, range: RangeInclusive<u64> },
    #[error("`{file}`, which `{variable}` names, could not be read: {source}")]
    Unreadable { variable: &'static str, file: String, source: std::io::Error },
    #[error("`{file}`, which `{variable}` names, holds no certificate in PEM form")]
    NoCertificate { variable: &'static str, file: String },
    #[error("{0}")]
    Exporter(String),
}

/// A collector that takes traces.
#[derive(Debug)]
pub(super) struct Collector {
    /// As it is named.
    pub(super) address: String,
    /// How many spans may wait.
    pub(super) queue_spans: usize,
    /// Whether the file names it; else OpenTelemetry reads the variable itself.
    in_file: bool,
    /// One that trusts a certificate authority of its own, where that is asked for.
    client: Option<Client>,
}

impl Collector {
    /// The collector at `otlp`, else the one that a variable names; `None` where nobody names one.
    pub(super) fn of(otlp: Option<&str>, said: impl Fn(&str) -> Option<String>) -> Result<Option<Collector>, Refused> {
        let Some(address) = address(otlp, &said) else { return Ok(None) };
        if address.contains('@') {
            let variable = ENDPOINTS.into_iter().find(|variable| said(variable).is_some());
            return Err(Refused::Login { variable: variable.unwrap_or("telemetry.otlp") });
        }
        for (variable, range) in NUMBERS {
            if let Some(written) = said(variable)
                && !written.parse().is_ok_and(|number| range.contains(&number))
            {
                return Err(Refused::Number { variable, written, range });
            }
        }
        let number = |variable| said(variable)?.parse::<u64>().ok();
        let timeout = TIMEOUTS.into_iter().find_map(number).unwrap_or(TIMEOUT_MS);
        let certificate = CERTIFICATES.into_iter().find_map(|variable| Some((variable, said(variable)?)));
        let client = certificate.map(|(variable, file)| client(variable, file, Duration::from_millis(timeout))).transpose()?;
        let queue_spans = number(QUEUE).and_then(|spans| usize::try_from(spans).ok()).unwrap_or(QUEUE_SPANS);
        Ok(Some(Collector { address, queue_spans, in_file: otlp.is_some(), client }))
    }

    /// Sends to it.
    pub(super) fn exporter(self) -> Result<SpanExporter, Refused> {
        let mut exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        if self.in_file {
            exporter = exporter.with_endpoint(endpoint(&self.address));
        }
        if let Some(client) = self.client {
            exporter = exporter.with_http_client(client);
        }
        exporter.build().map_err(|error| Refused::Exporter(error.to_string()))
    }
}

fn address(otlp: Option<&str>, said: impl Fn(&str) -> Option<String>) -> Option<String> {
    let off = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    otlp.map(str::to_owned).or_else(|| ENDPOINTS.into_iter().find_map(&said)).filter(|_| !off)
}

/// The address for traces, from the one for everything.
fn endpoint(otlp: &str) -> String {
    let base = otlp.trim_end_matches('/');
    if base.ends_with(TRACES_PATH) { base.to_owned() } else { format!("{base}{TRACES_PATH}") }
}

/// As OpenTelemetry makes it, and trusting the authorities of `file` beside the system's.
fn client(variable: &'static str, file: String, timeout: Duration) -> Result<Client, Refused> {
    let pem = match std::fs::read(&file) {
        Ok(pem) => pem,
        Err(source) => return Err(Refused::Unreadable { variable, file, source }),
    };
    let authorities = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if authorities.is_empty() {
        return Err(Refused::NoCertificate { variable, file });
    }
    let client = Client::builder().tls_certs_merge(authorities).timeout(timeout).build();
    client.map_err(|error| Refused::Exporter(error.to_string()))
}

#[cfg(test)]
mod tests;
