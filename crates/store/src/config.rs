//! What a store is told when it is opened.

use std::path::PathBuf;
use std::time::Duration;

/// Which extended attributes overlay mounts of this engine use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OverlayXattr {
    /// `trusted.overlay.*`: the engine is root.
    #[default]
    Trusted,
    /// `user.overlay.*`: overlays are mounted with `userxattr`, inside a user namespace.
    User,
}

impl OverlayXattr {
    /// What the names of the overlay's own attributes begin with. The other ones may be set by any program, and are data.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.",
            Self::User => "user.overlay.",
        }
    }

    /// The attribute that marks a directory as hiding everything below it.
    #[must_use]
    pub const fn opaque(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }
}

/// Where a store lies and how much it may hold.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// Directory of the store; made if it does not exist. Must lie on a file system that can be an overlay layer.
    pub root: PathBuf,
    /// Most bytes the store keeps when [`crate::Store::gc`] runs. `None`: half of the disk at most.
    pub max_bytes: Option<u64>,
    /// Bytes that [`crate::Store::gc`] leaves free on the disk. `None`: a fifth of the disk.
    pub min_free_bytes: Option<u64>,
    /// Results unused for longer are dropped by [`crate::Store::gc`] even when there is room. `None`: no limit.
    pub keep_duration: Option<Duration>,
    /// Whatever was written or asked for within this time is never collected, since a caller may be about to refer to
    /// it. While somebody stays ([`crate::Store::stay`]) the time does not pass. Default: one hour. Zero only where nothing
    /// else uses the store: in tests.
    pub grace: Duration,
    /// Attributes for opaque directories in layers.
    pub overlay_xattr: OverlayXattr,
    /// Bytes of decoded tree nodes kept in memory. Default: 24 MiB.
    pub node_cache_bytes: usize,
    /// Longest stack of overlay layers handed out; longer ones are squashed. Default: 20.
    pub max_layers: usize,
}

impl StoreConfig {
    /// Defaults, with the store at `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            max_bytes: None,
            min_free_bytes: None,
            keep_duration: None,
            grace: Duration::from_secs(3600),
            overlay_xattr: OverlayXattr::Trusted,
            node_cache_bytes: 24 << 20,
            max_layers: 20,
        }
    }
}
