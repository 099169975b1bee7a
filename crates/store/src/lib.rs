//! Content-addressed storage on disk: blobs, trees, materialisations, results, cache volumes, garbage collection.
//!
//! Knows: files, SQLite, the on-disk format of `docs/reference/store-format.md`.
//! Must not know: containers, images, registries, sessions, GraphQL, the environment of the process.
#![forbid(unsafe_code)]
