//! OTLP by gRPC.

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use super::{CONNECT, Failure, partial, read, reason};
use crate::Batch;
use crate::settings::Target;

pub(super) struct Grpc {
    channel: Channel,
    metadata: MetadataMap,
    gzip: bool,
}

/// Sends a message by the client of its service, and gives what the collector did not take. The clients are alike, but have
/// no trait in common.
macro_rules! export {
    ($grpc:expr, $client:expr, $message:expr) => {{
        let mut client = $client;
        if $grpc.gzip {
            client = client
                .send_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Gzip);
        }
        let said = client.export($grpc.request($message)).await.map_err(|status| failure(&status))?;
        said.into_inner().partial_success
    }};
}

impl Grpc {
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        let mut endpoint = Endpoint::from_shared(target.url.clone())
            .map_err(|error| reason(&error))?
            .connect_timeout(CONNECT)
            .user_agent(concat!("kukri/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| reason(&error))?;
        if target.url.starts_with("https:") {
            let mut tls = ClientTlsConfig::new();
            tls = match &target.certificate {
                Some(path) => tls.ca_certificate(Certificate::from_pem(read(path)?)),
                None => tls.with_native_roots(),
            };
            if let Some((certificate, key)) = &target.client {
                tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
            }
            endpoint = endpoint.tls_config(tls).map_err(|error| reason(&error))?;
        }
        let mut metadata = MetadataMap::new();
        for (name, value) in &target.headers {
            let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes())
                .map_err(|_| format!("OTEL_EXPORTER_OTLP_HEADERS: {name:?} is no name of a header"))?;
            let mut value = MetadataValue::try_from(value)
                .map_err(|_| format!("OTEL_EXPORTER_OTLP_HEADERS: the value of {name} is not valid"))?;
            value.set_sensitive(true);
            metadata.insert(key, value);
        }
        Ok(Self { channel: endpoint.connect_lazy(), metadata, gzip: target.gzip })
    }

    fn request<T>(&self, message: &T) -> Request<T>
    where
        T: Clone,
    {
        let mut request = Request::new(message.clone());
        *request.metadata_mut() = self.metadata.clone();
        request
    }

    pub(super) async fn send(&self, batch: &Batch) -> Result<(), Failure> {
        let channel = self.channel.clone();
        match batch {
            Batch::Traces(message) => {
                let said = export!(self, TraceServiceClient::new(channel), message);
                said.map_or(Ok(()), |said| partial(said.rejected_spans, "spans", &said.error_message))
            }
            Batch::Logs(message) => {
                let said = export!(self, LogsServiceClient::new(channel), message);
                said.map_or(Ok(()), |said| {
                    partial(said.rejected_log_records, "log records", &said.error_message)
                })
            }
            Batch::Metrics(message) => {
                let said = export!(self, MetricsServiceClient::new(channel), message);
                said.map_or(Ok(()), |said| {
                    partial(said.rejected_data_points, "data points", &said.error_message)
                })
            }
        }
    }
}

fn failure(status: &Status) -> Failure {
    // Of the connection, not of the collector: nobody is there, and the pipeline is not to wait until somebody is.
    if let Some(source) = std::error::Error::source(status) {
        return Failure::lasting(reason(source));
    }
    let may_pass = matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    );
    let text = format!("{}: {}", status.code(), status.message());
    Failure { text, retry: may_pass.then_some(None) }
}
