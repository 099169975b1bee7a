//! Content-addressed storage on disk: blobs, trees, materialisations, results, cache volumes, garbage collection.
//!
//! Knows: files, SQLite, the on-disk format of `docs/reference/store-format.md`.
//! Must not know: containers, images, registries, sessions, GraphQL, the environment of the process.
//!
//! All functions block; call them from a thread that may. [`Store`] is a cheap handle.
#![forbid(unsafe_code)]

mod blobs;
mod care;
mod config;
mod disk;
mod error;
mod failures;
mod ingest;
mod intake;
mod layer;
mod materialise;
mod memory;
mod nearby;
mod place;
mod records;
mod share;
mod sink;
mod store;
mod trees;
mod upper;
mod volumes;

pub use blobs::{BlobReader, BlobWriter};
pub use care::{
    Budget, Dropped, Entry, EntryKind, KindUsage, Problem, PruneOptions, PruneReport, Space, Usage,
    VerifyOptions, VerifyReport,
};
pub use config::{OverlayXattr, StoreConfig};
pub use error::{OpenError, Result, StoreError};
pub use intake::Intake;
pub use layer::LayerWriter;
pub use materialise::{Lease, Materialisation};
pub use memory::recent::{Spare, Stay};
pub use records::{ResultRecord, ResultSummary, Root, StoredCall};
pub use store::{ScratchDir, Store, is_in_use};
pub use upper::Workspace;
pub use volumes::{VolumeDir, VolumeInfo};
