//! A tree with only what a filter takes.

use crate::node::{BlobReader, NodeReader, TreeError, TreeId};
use crate::pattern::Filter;
use crate::sealed::Sealed;

/// The tree of what `filter` takes from `root`. Directories that are not taken themselves stay only if something below
/// them is taken. Subtrees that are taken whole are shared.
pub fn filter(reader: &dyn NodeReader, root: &TreeId, filter: &Filter) -> Result<Sealed, TreeError> {
    let _ = (reader, root, filter);
    unimplemented!()
}

impl Filter {
    /// Adds the `.gitignore` files of a tree, if the filter wants them.
    pub fn load_gitignores(
        &mut self,
        reader: &dyn NodeReader,
        blobs: &dyn BlobReader,
        root: &TreeId,
    ) -> Result<(), TreeError> {
        let _ = (reader, blobs, root);
        unimplemented!()
    }
}
