//! The engine's half: the engine asks, the client's machine answers.
//!
//! The HTTP server gives a request for [`crate::SESSION_PATH`] to [`upgrade`], sends the response, and runs what comes
//! out of it: a [`SessionHandle`] to ask with, and a driver that ends with the session.

mod accept;
mod export;
mod handle;
mod receive;
mod sync;
mod take;
mod telemetry;

pub use crate::link::LastWord;
pub use accept::{EngineLink, PendingSession, Upgrade, upgrade};
pub use export::{ExportFileRequest, ExportRequest, TreeSource};
pub use handle::{HostStat, HostStatKind, SessionHandle};
pub use sync::{BlobWriter, SyncRequest, SyncSink};
pub use telemetry::{TELEMETRY_TOKEN_HEADER, TelemetryFilter, TelemetryServer};

/// What a sink or a source of the engine fails with.
pub type StoreFailure = Box<dyn std::error::Error + Send + Sync>;
