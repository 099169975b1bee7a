//! GraphQL over HTTP: documents in, one generic executor over the engine's registry, answers out.
//!
//! The only crate that knows GraphQL. Must not know: what an operation does.
#![forbid(unsafe_code)]
