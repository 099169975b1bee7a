//! The link between a client and an engine, both ends: requests, file sync, secrets, progress.
//!
//! Knows: frames, HTTP between the two, walking and writing the client's files.
//! Must not know: what an operation means, GraphQL, the store.
//!
//! * [`link`]: frames and concurrent, cancellable, flow-controlled calls in both directions over one connection.
//! * [`engine`]: the engine's half; the engine asks, through a [`engine::SessionHandle`].
//! * [`client`]: the client's half; it answers from its own machine.
//! * [`answers`]: kinds of answers by which a request fails.
//! * [`proxy`]: the loopback HTTP server which SDKs talk to.
//! * [`launch`]: finding the running engine, or starting one.
//! * [`command`]: the life of `kukri session`, made of the three above.
//! * [`socket`]: unix sockets with owner-only rights.
#![forbid(unsafe_code)]

pub mod answers;
pub mod client;
pub mod command;
pub mod engine;
mod error;
mod hello;
pub mod launch;
pub mod link;
pub mod proxy;
mod records;
pub mod socket;
mod telemetry;
mod wire;

pub use error::{ErrorCode, RemoteError, SessionError};
pub use hello::{
    ClientHello, EngineHello, HelloError, PROTOCOL, ProtocolRange, SESSION_HEADER, SESSION_PATH,
    TelemetryHello, UPGRADE_TOKEN,
};
pub use telemetry::{OtlpRequest, TelemetrySink};
