//! GraphQL over HTTP: documents in, one generic executor over the engine's registry, answers out.
//!
//! The only crate that knows GraphQL. Must not know: what an operation does.
//!
//! * [`document`]: text to flat tables; the cache of parsed documents.
//! * [`schema`]: the registry as GraphQL types, in the view of a client's version.
//! * [`Api`]: executes requests.
//! * [`ids`]: IDs on the wire.
//! * [`sdl`]: a view as text.
//! * [`integer()`]: whole numbers, however they are written.
//! * [`http`]: the engine's HTTP server.
#![forbid(unsafe_code)]

mod coerce;
pub mod document;
pub mod error;
mod exec;
pub mod http;
pub mod ids;
mod integer;
pub mod schema;
pub mod sdl;
mod service;
mod suggest;
mod validate;
mod variables;

pub use error::{GraphqlError, PathKey, Stage};
pub use integer::integer;
pub use schema::{Schema, View};
pub use service::{Api, ApiConfig, Request, Response};

#[cfg(test)]
mod tests;
