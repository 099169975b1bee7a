//! One layer archive into the store.

use kukri_store::StoreError;

use crate::digest::Sha256Digest;

/// A layer archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// Its media type is not known.
    #[error(
        "layer {layer} has media type {media_type:?}, which this engine cannot read (tar, tar+gzip and tar+zstd can be)"
    )]
    MediaType {
        /// The layer.
        layer: Sha256Digest,
        /// Its type.
        media_type: String,
    },
    /// The archive is damaged, or holds something that cannot be stored.
    #[error("layer {layer}: {path}: {reason}")]
    Entry {
        /// The layer.
        layer: Sha256Digest,
        /// The entry.
        path: String,
        /// Why.
        reason: String,
    },
    /// The archive or its compression is damaged.
    #[error("layer {layer} is damaged: {reason}")]
    Damaged {
        /// The layer.
        layer: Sha256Digest,
        /// Why.
        reason: String,
    },
    /// The content is not what the configuration says.
    #[error(
        "layer {layer} unpacks to {actual}, but the image's configuration says {expected}; the image is damaged or forged"
    )]
    WrongDiffId {
        /// The layer.
        layer: Sha256Digest,
        /// Digest in the configuration.
        expected: Sha256Digest,
        /// Digest of what came.
        actual: Sha256Digest,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
