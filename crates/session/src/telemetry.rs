//! Telemetry that is on its way to the user's collector: OTLP, as another program sent it.

use std::sync::Arc;

use bytes::Bytes;

/// Takes what a program sends to its collector; an error says what is wrong with it. Must not block.
pub type TelemetrySink = Arc<dyn Fn(OtlpRequest) -> Result<(), String> + Send + Sync>;

/// Largest request of a program in a container that is taken, bytes. What collectors take by gRPC when nobody says
/// otherwise.
pub(crate) const FROM_CONTAINER: usize = 4 << 20;
/// The same without its compression.
pub(crate) const FROM_CONTAINER_UNPACKED: usize = 16 << 20;

/// Why a request is refused.
pub(crate) fn too_large(limit: usize) -> String {
    format!("the request is larger than {limit} bytes: send smaller batches")
}

/// A request of OTLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpRequest {
    /// `traces`, `logs` or `metrics`.
    pub signal: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `Content-Encoding`; empty if there is none.
    pub encoding: String,
    /// The body as it came.
    pub body: Bytes,
    /// Most bytes that it may have without its compression.
    pub limit: usize,
}
