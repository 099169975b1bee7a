//! The difference of two trees as a layer.

use kukri_store::{Store, StoreError};
use kukri_tree::{TreeError, TreeId};

use crate::manifest::MediaTypes;
use crate::pull::LayerInfo;

/// How a layer is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Compression {
    /// Understood everywhere.
    #[default]
    Gzip,
    /// Smaller and faster, not understood by old tools.
    Zstd,
    /// None: a plain tar.
    Uncompressed,
}

/// A layer could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing failed.
    #[error("cannot write a layer: {0}")]
    Io(#[from] std::io::Error),
}

/// Writes what leads from `base` (nothing if `None`) to `tree` as a layer into the store. The same trees always give
/// the same bytes. `Ok(None)`: there is no difference, so no layer. Blocks.
pub fn layer_out(
    store: &Store,
    base: Option<&TreeId>,
    tree: &TreeId,
    compression: Compression,
    media_types: MediaTypes,
) -> Result<Option<LayerInfo>, LayerError> {
    let _ = (store, base, tree, compression, media_types);
    unimplemented!()
}

/// The same layer with another compression or family of media types. Gives back `layer` itself where nothing changes.
/// Blocks.
pub fn recompress(
    store: &Store,
    layer: &LayerInfo,
    compression: Compression,
    media_types: MediaTypes,
) -> Result<LayerInfo, LayerError> {
    let _ = (store, layer, compression, media_types);
    unimplemented!()
}
