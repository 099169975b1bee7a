//! The OCI crate against registries: a real one, and one of our own that misbehaves on demand.

mod archive;
mod fake;
mod image;
mod pull;
mod push;
mod real;
mod registry;
