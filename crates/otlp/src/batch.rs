//! What is sent at once.

use std::io::Read;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// Sort of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metrics.
    Metrics,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// As in `/v1/traces`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// The signal of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.name() == name)
    }
}

/// One request of OTLP.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
}

/// Why telemetry from elsewhere cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Neither protobuf nor JSON.
    #[error("the content type {0:?} is not one of OTLP: send application/x-protobuf or application/json")]
    ContentType(String),
    /// An encoding nobody knows.
    #[error("the content encoding {0:?} is not supported: send gzip or none")]
    Encoding(String),
    /// It is larger than it may be once it is unpacked.
    #[error("the request is larger than {0} bytes")]
    TooLarge(usize),
    /// It is damaged.
    #[error("the request is no OTLP message: {0}")]
    Malformed(String),
}

impl Batch {
    /// What it holds.
    #[must_use]
    pub const fn signal(&self) -> Signal {
        match self {
            Self::Traces(_) => Signal::Traces,
            Self::Logs(_) => Signal::Logs,
            Self::Metrics(_) => Signal::Metrics,
        }
    }

    /// As `application/x-protobuf`.
    #[must_use]
    pub fn to_protobuf(&self) -> Vec<u8> {
        match self {
            Self::Traces(request) => request.encode_to_vec(),
            Self::Logs(request) => request.encode_to_vec(),
            Self::Metrics(request) => request.encode_to_vec(),
        }
    }

    /// As `application/json`.
    ///
    /// # Errors
    /// Never for what this crate makes.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Traces(request) => serde_json::to_vec(request),
            Self::Logs(request) => serde_json::to_vec(request),
            Self::Metrics(request) => serde_json::to_vec(request),
        }
    }

    /// Bytes as protobuf.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Traces(request) => request.encoded_len(),
            Self::Logs(request) => request.encoded_len(),
            Self::Metrics(request) => request.encoded_len(),
        }
    }

    /// How many spans, log records or metrics.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Traces(request) => {
                let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
                scopes.map(|scope| scope.spans.len()).sum()
            }
            Self::Logs(request) => {
                let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
                scopes.map(|scope| scope.log_records.len()).sum()
            }
            Self::Metrics(request) => {
                let scopes = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
                scopes.map(|scope| scope.metrics.len()).sum()
            }
        }
    }

    /// Reads the body of a request that another program sends.
    ///
    /// # Errors
    /// When it is no request of OTLP, or has more than `limit` bytes without its compression.
    pub fn decode(
        signal: Signal,
        content_type: &str,
        encoding: &str,
        body: &[u8],
        limit: usize,
    ) -> Result<Self, DecodeError> {
        let unpacked;
        let body = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => body,
            "gzip" => {
                unpacked = unpack(body, limit)?;
                &unpacked
            }
            other => return Err(DecodeError::Encoding(other.to_owned())),
        };
        if body.len() > limit {
            return Err(DecodeError::TooLarge(limit));
        }
        match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => Ok(match signal {
                Signal::Traces => Self::Traces(protobuf(body)?),
                Signal::Logs => Self::Logs(protobuf(body)?),
                Signal::Metrics => Self::Metrics(protobuf(body)?),
            }),
            "application/json" => Ok(match signal {
                Signal::Traces => Self::Traces(json(body)?),
                Signal::Logs => Self::Logs(json(body)?),
                Signal::Metrics => Self::Metrics(json(body)?),
            }),
            other => Err(DecodeError::ContentType(other.to_owned())),
        }
    }
}

fn unpack(body: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut unpacked = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut unpacked)
        .map_err(|error| DecodeError::Malformed(error.to_string()))?;
    Ok(unpacked)
}

fn protobuf<M: Message + Default>(body: &[u8]) -> Result<M, DecodeError> {
    M::decode(body).map_err(|error| DecodeError::Malformed(error.to_string()))
}

fn json<M: serde::de::DeserializeOwned>(body: &[u8]) -> Result<M, DecodeError> {
    serde_json::from_slice(body).map_err(|error| DecodeError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn bodies_are_read_in_each_form_and_others_refused() {
        let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"x"}]}]}]}"#;
        let read = |kind: &str, encoding: &str, body: &[u8], limit| {
            Batch::decode(Signal::Traces, kind, encoding, body, limit)
        };
        let batch = read("application/json; charset=utf-8", "", json, 1000).unwrap();
        let protobuf = batch.to_protobuf();
        assert_eq!(read("application/x-protobuf", "identity", &protobuf, 1000).unwrap(), batch);
        assert_eq!(read("application/json", "", &batch.to_json().unwrap(), 10_000).unwrap(), batch);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&protobuf).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(read("application/x-protobuf", "gzip", &packed, 1000).unwrap(), batch);
        assert!(matches!(
            read("application/x-protobuf", "gzip", &packed, 20),
            Err(DecodeError::TooLarge(20))
        ));
        assert!(matches!(read("application/x-protobuf", "br", &packed, 20), Err(DecodeError::Encoding(_))));
        assert!(matches!(read("text/plain", "", json, 1000), Err(DecodeError::ContentType(_))));
        assert!(matches!(read("application/x-protobuf", "", json, 1000), Err(DecodeError::Malformed(_))));
    }
}
