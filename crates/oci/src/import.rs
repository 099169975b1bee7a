//! Images from archives: OCI layouts and what `docker save` writes.

use std::io::{Read, Seek};

use kukri_model::Platform;
use kukri_store::{Store, StoreError};

use crate::pull::PulledImage;
use crate::unpack::UnpackError;

/// An archive could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not an image archive, or a damaged one.
    #[error("not an image archive: {0}")]
    Archive(String),
    /// It has no image of this tag.
    #[error("the archive has no image {tag:?}; it has: {available}")]
    NoTag {
        /// What was asked for.
        tag: String,
        /// What is there.
        available: String,
    },
    /// It has no image for this platform.
    #[error("the archive has no image for platform {platform}; it has: {available}")]
    NoPlatform {
        /// What was asked for.
        platform: Platform,
        /// What is there.
        available: String,
    },
    /// A layer cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading failed.
    #[error("cannot read the archive: {0}")]
    Io(#[from] std::io::Error),
}

/// Brings an image from an archive (plain or gzip-compressed tar) into the store. `tag` picks one of several images; `None` takes the
/// only or the first one. Blocks.
pub fn import<R: Read + Seek>(
    store: &Store,
    archive: R,
    platform: &Platform,
    tag: Option<&str>,
) -> Result<PulledImage, ImportError> {
    let _ = (store, archive, platform, tag);
    unimplemented!()
}
