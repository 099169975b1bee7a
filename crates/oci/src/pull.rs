//! From a registry into the store: layers are downloaded, checked, inflated and unpacked at the same time.

use kukri_model::Digest;
use kukri_store::{Store, StoreError};
use kukri_tree::TreeId;

use crate::digest::Sha256Digest;
use crate::image::ImageConfig;
use crate::registry::{RegistryClient, RegistryError, Resolved};
use crate::unpack::UnpackError;

/// A layer that is in the store, compressed and unpacked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayerInfo {
    /// Media type of the compressed layer.
    pub media_type: String,
    /// Digest of the compressed layer.
    pub digest: Sha256Digest,
    /// Length of the compressed layer in bytes.
    pub size: u64,
    /// Digest of the uncompressed layer.
    pub diff_id: Sha256Digest,
    /// The compressed layer in the store.
    pub blob: Digest,
    /// The root file system with this layer and all below it.
    pub tree: TreeId,
}

/// An image that is in the store.
#[derive(Clone, PartialEq, Debug)]
pub struct PulledImage {
    /// Its configuration.
    pub config: ImageConfig,
    /// Its layers, the base first.
    pub layers: Vec<LayerInfo>,
    /// Its root file system.
    pub tree: TreeId,
    /// Digest of its manifest.
    pub manifest_digest: Sha256Digest,
}

/// Is told how a pull goes on. Called often; must return at once.
pub trait PullProgress: Send + Sync {
    /// A layer is needed: `size` bytes compressed. `present`: the store has it already, nothing more will be told.
    fn layer(&self, digest: &Sha256Digest, size: u64, present: bool);
    /// `bytes` more of the layer have come.
    fn downloaded(&self, digest: &Sha256Digest, bytes: u64);
    /// The layer is unpacked.
    fn unpacked(&self, digest: &Sha256Digest);
}

/// Ignores all progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl PullProgress for NoProgress {
    fn layer(&self, _: &Sha256Digest, _: u64, _: bool) {}
    fn downloaded(&self, _: &Sha256Digest, _: u64) {}
    fn unpacked(&self, _: &Sha256Digest) {}
}

/// An image could not be brought into the store.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The registry failed.
    #[error("failed to pull {reference}: {source}")]
    Registry {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: RegistryError,
    },
    /// A layer cannot be unpacked.
    #[error("failed to unpack {reference}: {source}")]
    Unpack {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// The store failed.
    #[error("failed to store {reference}: {source}")]
    Store {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// Brings an image into the store: its layers compressed (for later exports) and as trees.
///
/// Layers that the store has, on the same layers below, are not fetched again. Blocking work runs on the runtime's
/// blocking threads. When the future is dropped, the download stops and what was in flight is left out.
pub async fn pull(
    client: &RegistryClient,
    store: &Store,
    resolved: &Resolved,
    progress: &dyn PullProgress,
) -> Result<PulledImage, PullError> {
    let _ = (client, store, resolved, progress);
    unimplemented!()
}
