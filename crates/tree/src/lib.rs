//! Merkle trees of file systems: their format, and everything that can be done to them without a disk.
//!
//! Pure: nodes come from a [`NodeReader`], which a test implements with a map.
//! Must not know: where nodes and contents are kept, containers, the API.
#![forbid(unsafe_code)]

pub mod node;
mod wire;


pub use node::{Entry, EntryKind, Meta, Node, NodeReader, TreeError, TreeId, Xattrs};
pub use wire::is_name;
