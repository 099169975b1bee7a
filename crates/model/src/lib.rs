//! Values that every other crate shares: digests, bounded maps from them, canonical encoding, platforms, descriptions of
//! API operations.
//!
//! Must not know: what any of these is used for; operations, stores, sessions.
//! Pure: no clock, no I/O, no async. Cache keys must be reproducible in a test that takes a millisecond.
#![forbid(unsafe_code)]

pub mod canonical;
pub mod digest;
pub mod generations;
pub mod platform;
pub mod schema;

pub use canonical::Encoder;
pub use digest::{Digest, DigestHasher, DigestMap};
pub use generations::Generations;
pub use platform::Platform;
