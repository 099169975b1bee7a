//! The OCI crate against registries: a real one, and one of our own that misbehaves on demand.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so on stderr")]

mod archive;
mod fake;
mod image;
mod pull;
mod push;
mod real;
mod registry;
