//! OCI references, registries, images and layers in and out.
//!
//! Knows: the OCI specifications, the network, and how a layer becomes a tree in the store.
//! Must not know: the API, sandboxes, sessions.
#![forbid(unsafe_code)]
