//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use kukri_model::Digest;
use kukri_tree::TreeError;

/// The result of most functions of this crate.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why a store cannot be opened. Nothing on disk is changed in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another engine has it open.
    #[error("the store {root} is in use by another engine{}", holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// Directory of the store.
        root: PathBuf,
        /// Process id of the other engine, where it is known.
        holder: Option<u32>,
    },
    /// Written by a newer version.
    #[error(
        "the store {root} has format version {found}, this engine reads up to {supported}; use a newer engine or another directory"
    )]
    TooNew {
        /// Directory of the store.
        root: PathBuf,
        /// Version on disk.
        found: u32,
        /// Highest version this engine knows.
        supported: u32,
    },
    /// It uses features this engine does not know.
    #[error("the store {root} needs features this engine does not have: {}; use a newer engine or another directory", features.join(", "))]
    UnknownFeatures {
        /// Directory of the store.
        root: PathBuf,
        /// Names of the features.
        features: Vec<String>,
    },
    /// `format.json` is not readable.
    #[error(
        "{path} is damaged: {reason}; nothing was changed: restore the file, or move the store away to start anew"
    )]
    BadFormat {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The directory has files in it but is not a store.
    #[error("{root} is not empty and is not a store; choose another directory")]
    NotAStore {
        /// The directory.
        root: PathBuf,
    },
    /// The index is not readable.
    #[error(
        "the index {path} of the store cannot be opened: {source}; nothing was changed: free space if the disk is full, else move the store away to start anew"
    )]
    Index {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}{}", next_step_of(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Why an operation on an open store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not in the store, or damaged there. The operation that made it has to run again.
    #[error(
        "{kind} {digest} is not in the store: {reason}; run the pipeline again in a few seconds, then it is made anew"
    )]
    Missing {
        /// `"blob"`, `"tree"`, `"layer"`.
        kind: &'static str,
        /// Which.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// Bytes were handed in under a digest that is not theirs.
    #[error("content has digest {actual}, not {expected} as announced")]
    DigestMismatch {
        /// What was announced.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// An entry of an image layer that cannot be applied.
    #[error("layer entry {path:?} refused: {reason}")]
    LayerEntry {
        /// Path as it was given.
        path: String,
        /// Why.
        reason: String,
    },
    /// The upper directory of an overlay holds something that only a mount can read.
    #[error("overlay directory {path}: {reason}; mount with redirect_dir=off,metacopy=off,index=off")]
    Overlay {
        /// Path in the upper directory.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A tree cannot be read or is damaged.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Directories are nested too deep to be put on disk.
    #[error("{path:.200}…: directories are nested deeper than 512 levels")]
    TooDeep {
        /// Where.
        path: String,
    },
    /// A cache volume is being used.
    #[error("cache volume {key} is in use")]
    VolumeInUse {
        /// Key of the volume.
        key: String,
    },
    /// The index failed.
    #[error("store index: cannot {action}: {source}{}", next_step(source))]
    Index {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: rusqlite::Error,
    },
    /// A file operation failed.
    #[error("cannot {action} {path}: {source}{}", next_step_of(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    pub(crate) fn os(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::Io { action, path: path.as_ref().to_owned(), source: errno.into() }
    }

    pub(crate) fn index(action: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Index { action, source }
    }

    /// Keeps its kind and its text where only an [`io::Error`] can be handed on.
    pub(crate) fn into_io(self) -> io::Error {
        match &self {
            Self::Io { source, .. } => io::Error::new(source.kind(), self.to_string()),
            _ => io::Error::other(self.to_string()),
        }
    }

    pub(crate) fn missing(kind: &'static str, digest: &Digest, reason: impl Into<String>) -> Self {
        Self::Missing { kind, digest: *digest, reason: reason.into() }
    }

    /// Whether there is no room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Index { source, .. } => source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull),
            Self::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    /// Whether running the operation that made the data again would help.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. } | Self::Tree(TreeError::Missing { .. } | TreeError::Damaged { .. })
        )
    }
}

/// What to do about a failure of the index, where that is known.
fn next_step(source: &rusqlite::Error) -> &'static str {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => FREE_SPACE,
        Some(rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::PermissionDenied) => MAKE_WRITABLE,
        Some(rusqlite::ErrorCode::SystemIoFailure) => LOOK_AT_DISK,
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => START_ANEW,
        _ => "",
    }
}

/// The same for a file operation.
fn next_step_of(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FREE_SPACE,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => MAKE_WRITABLE,
        _ => "",
    }
}

const FREE_SPACE: &str = "; free space on the disk of the engine's root, or run `kukri cache prune`";
const LOOK_AT_DISK: &str =
    "; look at the disk of the engine's root: it may be full, have become read-only, or be broken";
const START_ANEW: &str = "; the index is damaged: stop the engine, and move the directory `store` of its root away to start \
     anew, or restore it from a backup; nothing in it was deleted";
const MAKE_WRITABLE: &str = "; the engine's root must be writable for it";
