//! Where a signal goes.

use std::path::PathBuf;
use std::time::Duration;

use super::schedule::{self, Schedule};
use super::{Variables, pairs};
use crate::Signal;

/// How it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf in requests of HTTP.
    HttpProtobuf,
    /// JSON in requests of HTTP.
    HttpJson,
}

/// Where a signal goes, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// How it is sent.
    pub protocol: Protocol,
    /// The complete URL; for gRPC without a path.
    pub url: String,
    /// Headers of each request, often with credentials.
    pub headers: Vec<(String, String)>,
    /// Most time for one batch, and for the last ones at the end.
    pub timeout: Duration,
    /// Whether batches are compressed.
    pub gzip: bool,
    /// PEM file with the authorities that are trusted in place of the system's.
    pub certificate: Option<PathBuf>,
    /// PEM files with a certificate of the client and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// When it is sent.
    pub schedule: Schedule,
}

/// Leaves out the headers, which have credentials.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("protocol", &self.protocol)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

pub(super) fn read(variables: &mut Variables<'_>, signal: Signal) -> Option<Target> {
    let exporter = match signal {
        Signal::Traces => "OTEL_TRACES_EXPORTER",
        Signal::Logs => "OTEL_LOGS_EXPORTER",
        Signal::Metrics => "OTEL_METRICS_EXPORTER",
    };
    let endpoint = variables.of_signal(signal, "OTEL_EXPORTER_OTLP_ENDPOINT");
    match variables.get(exporter) {
        None if endpoint.is_none() => return None,
        None => {}
        // Several are separated by commas.
        Some(exporters) => {
            let mut is_sent = false;
            for name in exporters.split(',').map(str::trim) {
                match name {
                    "otlp" => is_sent = true,
                    "none" | "" => {}
                    other => variables
                        .warn(format!("{exporter} {other:?} is not supported; expected otlp or none")),
                }
            }
            if !is_sent {
                return None;
            }
        }
    }
    let protocol = protocol(variables, signal);
    let url = url(variables, signal, protocol, endpoint)?;
    let headers = variables.of_signal(signal, "OTEL_EXPORTER_OTLP_HEADERS");
    let headers = headers.map(|(name, text)| pairs(variables, &name, &text)).unwrap_or_default();
    let timeout = match variables.of_signal(signal, "OTEL_EXPORTER_OTLP_TIMEOUT") {
        None => DEFAULT_TIMEOUT,
        Some((name, text)) => text.parse().map(Duration::from_millis).unwrap_or_else(|_| {
            variables.warn(format!("{name} {text:?}: expected milliseconds"));
            DEFAULT_TIMEOUT
        }),
    };
    let gzip = match variables.of_signal(signal, "OTEL_EXPORTER_OTLP_COMPRESSION") {
        None => false,
        Some((_, text)) if text == "gzip" || text == "none" => text == "gzip",
        Some((name, text)) => {
            variables.warn(format!("{name} {text:?}: expected gzip or none"));
            false
        }
    };
    let path = |name| variables.of_signal(signal, name).map(|(_, path)| PathBuf::from(path));
    let client = path("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE").zip(path("OTEL_EXPORTER_OTLP_CLIENT_KEY"));
    let certificate = path("OTEL_EXPORTER_OTLP_CERTIFICATE");
    let schedule = schedule::read(variables, signal);
    let timeout = schedule.timeout.map_or(timeout, |most| most.min(timeout));
    Some(Target { protocol, url, headers, timeout, gzip, certificate, client, schedule })
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

fn protocol(variables: &mut Variables<'_>, signal: Signal) -> Protocol {
    let Some((name, text)) = variables.of_signal(signal, "OTEL_EXPORTER_OTLP_PROTOCOL") else {
        return Protocol::HttpProtobuf;
    };
    match text.as_str() {
        "grpc" => Protocol::Grpc,
        "http/protobuf" => Protocol::HttpProtobuf,
        "http/json" => Protocol::HttpJson,
        _ => {
            variables.warn(format!("{name} {text:?}: expected http/protobuf, http/json or grpc"));
            Protocol::HttpProtobuf
        }
    }
}

/// The URL: of the signal as it is, of all with the signal's path behind it.
fn url(
    variables: &mut Variables<'_>,
    signal: Signal,
    protocol: Protocol,
    endpoint: Option<(String, String)>,
) -> Option<String> {
    let path = format!("/v1/{}", signal.name());
    let Some((name, text)) = endpoint else {
        return Some(match protocol {
            Protocol::Grpc => "http://localhost:4317".to_owned(),
            Protocol::HttpProtobuf | Protocol::HttpJson => format!("http://localhost:4318{path}"),
        });
    };
    let text = if text.contains("://") || protocol != Protocol::Grpc {
        text
    } else {
        let insecure = variables.of_signal(signal, "OTEL_EXPORTER_OTLP_INSECURE");
        let insecure = insecure.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
        format!("{}://{text}", if insecure { "http" } else { "https" })
    };
    let parsed = reqwest::Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    let Some(parsed) = parsed else {
        // Without the text: it may hold a password.
        variables.warn(format!(
            "{name}: expected a URL such as http://localhost:4318; no {} are sent",
            signal.name()
        ));
        return None;
    };
    Some(match protocol {
        Protocol::Grpc => parsed.origin().ascii_serialization(),
        _ if name == "OTEL_EXPORTER_OTLP_ENDPOINT" => format!("{}{path}", text.trim_end_matches('/')),
        _ => text,
    })
}
