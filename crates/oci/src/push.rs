//! Images to a registry.

use std::sync::Arc;

use kukri_store::Store;

use crate::export::{ExportError, ExportImage, ExportOptions};
use crate::reference::Reference;
use crate::registry::{RegistryClient, RegistryError};

/// An image could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry failed.
    #[error("failed to push {reference}: {source}")]
    Registry {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: RegistryError,
    },
    /// The image cannot be made.
    #[error("failed to push {reference}: {source}")]
    Image {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: ExportError,
    },
}

/// Publishes images, one per platform, as `reference`. Returns the reference pinned to what was pushed. Blobs that the
/// repository has are not sent.
pub async fn push(
    client: &RegistryClient,
    store: &Store,
    images: Vec<ExportImage>,
    options: ExportOptions,
    reference: &Reference,
) -> Result<Reference, PushError> {
    let _ = (client, store, images, options, reference, Arc::new(()));
    unimplemented!()
}
