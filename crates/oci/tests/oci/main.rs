//! The OCI crate against registries: a real one, and one of our own that misbehaves on demand.

mod archive;
mod fake;
mod image;
mod pull;
mod real;
mod registry;
