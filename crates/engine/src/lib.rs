//! What the API's objects and operations mean: one file per operation.
//!
//! Must not know: GraphQL, HTTP, terminals, the environment of the process.
#![forbid(unsafe_code)]
