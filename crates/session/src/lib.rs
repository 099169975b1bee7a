//! The link between a client and an engine, both ends: requests, file sync, secrets, progress.
//!
//! Knows: frames, HTTP between the two, walking and writing the client's files.
//! Must not know: what an operation means, GraphQL, the store.
#![forbid(unsafe_code)]
