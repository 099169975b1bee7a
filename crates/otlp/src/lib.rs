//! Telemetry for the user's OpenTelemetry collector, by OTLP.
//!
//! * [`settings`]: the standard variables `OTEL_*`.
//! * [`convert`]: from progress events to spans, log records and metrics. No clock, no I/O.
//! * [`export`]: sends batches by HTTP or gRPC. Bounded in memory and time; what cannot be sent is dropped and told
//!   once.
//!
//! Must not know: the engine, sessions, the environment (variables come from the caller).
#![forbid(unsafe_code)]

mod batch;
pub mod convert;
pub mod export;
pub mod settings;

pub use batch::{Batch, DecodeError, Signal};
pub use convert::{Converter, Root};
pub use export::{Exporter, Outlet};
pub use settings::Settings;
