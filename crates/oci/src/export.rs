//! Images as one tar: an OCI layout that `docker load` reads as well.

use std::collections::BTreeMap;
use std::io::Write;

use kukri_store::{Store, StoreError};

use crate::digest::Sha256Digest;
use crate::image::ImageConfig;
use crate::layer_out::{Compression, LayerError};
use crate::manifest::MediaTypes;
use crate::pull::LayerInfo;
use crate::reference::Reference;

/// One image (one platform) that goes out.
#[derive(Clone, PartialEq, Debug)]
pub struct ExportImage {
    /// Its configuration. `diff_ids` are set from `layers`; `history` is brought into step with them.
    pub config: ImageConfig,
    /// Its layers, the base first.
    pub layers: Vec<LayerInfo>,
    /// Annotations of its manifest and of the descriptor that points to it.
    pub annotations: BTreeMap<String, String>,
}

/// How images go out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExportOptions {
    /// Family of media types. Default: OCI.
    pub media_types: MediaTypes,
    /// Compress all layers like this. `None`: keep layers as they are.
    pub forced_compression: Option<Compression>,
    /// Name of the image in the archive. `None`: it has none.
    pub name: Option<Reference>,
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exported {
    /// Digest of the manifest; of the index where there are several platforms.
    pub digest: Sha256Digest,
}

/// Images could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No images were given.
    #[error("no containers to export")]
    Nothing,
    /// Two images are for the same platform.
    #[error("duplicate platform {0:?}")]
    DuplicatePlatform(String),
    /// A layer cannot be made.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing failed.
    #[error("cannot write the archive: {0}")]
    Io(#[from] std::io::Error),
}

/// Writes images, one per platform, as an archive. Deterministic. Blocks.
pub fn export(
    store: &Store,
    images: &[ExportImage],
    options: &ExportOptions,
    out: &mut dyn Write,
) -> Result<Exported, ExportError> {
    let _ = (store, images, options, out);
    unimplemented!()
}
