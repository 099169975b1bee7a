//! OTLP in requests of HTTP.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{CONNECT, Failure, partial, read, reason};
use crate::Batch;
use crate::settings::{Protocol, Target};

/// Most of an answer that is read.
const ANSWER: usize = 64 << 10;

pub(super) struct Http {
    client: reqwest::Client,
    url: String,
    headers: HeaderMap,
    json: bool,
    gzip: bool,
}

impl Http {
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .use_preconfigured_tls(tls(target)?)
            .user_agent(concat!("kukri/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // Headers with credentials are for this server alone.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| reason(&error))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &target.headers {
            let name = HeaderName::try_from(name)
                .map_err(|_| format!("OTEL_EXPORTER_OTLP_HEADERS: {name:?} is no name of a header"))?;
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| format!("OTEL_EXPORTER_OTLP_HEADERS: the value of {name} is not valid"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let json = target.protocol == Protocol::HttpJson;
        Ok(Self { client, url: target.url.clone(), headers, json, gzip: target.gzip })
    }

    pub(super) async fn send(&self, batch: &Batch) -> Result<(), Failure> {
        let (mut body, kind) = if self.json {
            let json = batch.to_json().map_err(|error| Failure::lasting(error.to_string()))?;
            (json, "application/json")
        } else {
            (batch.to_protobuf(), "application/x-protobuf")
        };
        let mut request =
            self.client.post(&self.url).headers(self.headers.clone()).header(CONTENT_TYPE, kind);
        if self.gzip {
            body = packed(&body).map_err(|error| Failure::lasting(error.to_string()))?;
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let sent = request.body(body).send().await;
        let mut response = sent.map_err(|error| Failure {
            text: reason(&error),
            // Nobody is there, and the pipeline is not to wait until somebody is.
            retry: (!error.is_connect()).then_some(None),
        })?;
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut answer = Vec::new();
        while answer.len() < ANSWER
            && let Ok(Some(chunk)) = response.chunk().await
        {
            answer.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return if self.json { Ok(()) } else { accepted(batch, &answer) };
        }
        let retry = matches!(status.as_u16(), 429 | 502 | 503 | 504).then(|| after.map(Duration::from_secs));
        Err(Failure { text: format!("HTTP {status}"), retry })
    }
}

/// An answer that cannot be read says nothing, and the status said that all is well.
fn accepted(batch: &Batch, answer: &[u8]) -> Result<(), Failure> {
    match batch {
        Batch::Traces(_) => {
            let said = ExportTraceServiceResponse::decode(answer).ok().and_then(|said| said.partial_success);
            said.map_or(Ok(()), |said| partial(said.rejected_spans, "spans", &said.error_message))
        }
        Batch::Logs(_) => {
            let said = ExportLogsServiceResponse::decode(answer).ok().and_then(|said| said.partial_success);
            said.map_or(Ok(()), |said| partial(said.rejected_log_records, "log records", &said.error_message))
        }
        Batch::Metrics(_) => {
            let said =
                ExportMetricsServiceResponse::decode(answer).ok().and_then(|said| said.partial_success);
            said.map_or(Ok(()), |said| partial(said.rejected_data_points, "data points", &said.error_message))
        }
    }
}

fn packed(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(body)?;
    packer.finish()
}

fn tls(target: &Target) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    // Reading the system's authorities takes milliseconds, and plain HTTP needs none.
    if let Some(path) = &target.certificate {
        let pem = read(path)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if certificates.is_empty() {
            return Err(format!("{}: it has no certificate", path.display()));
        }
        roots.add_parsable_certificates(certificates);
    } else if target.url.starts_with("https:") {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &target.client else { return Ok(builder.with_no_client_auth()) };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{}: {error}", certificate.display()))?;
    let secret =
        PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| format!("{}: {error}", key.display()))?;
    builder
        .with_client_auth_cert(chain, secret)
        .map_err(|error| format!("{}: {error}", certificate.display()))
}
