//! Trees as directories.
use std::path::PathBuf;

use kukri_tree::TreeId;

use crate::{Result, Store};

impl Store {
    /// The tree as a stack of overlay lower directories.
    pub fn materialise(&self, tree: &TreeId) -> Result<Materialisation> {
        self.materialise_on(tree, None)
    }
    /// Like [`Store::materialise`]; where the tree has no stack yet, it becomes that of `base_hint` and one layer with
    /// the difference.
    pub fn materialise_on(&self, _tree: &TreeId, _base_hint: Option<&TreeId>) -> Result<Materialisation> {
        todo!()
    }
    /// Keeps a tree and all it refers to from being collected as long as the guard lives.
    pub fn lease(&self, _tree: &TreeId) -> Lease {
        todo!()
    }
}

/// Keeps a tree from being collected while it lives.
#[derive(Debug)]
pub struct Lease {}

/// A tree as overlay lower directories, kept while this lives.
#[derive(Debug)]
pub struct Materialisation {
    /// The directories, topmost first. Never empty; read only.
    pub lowers: Vec<PathBuf>,
    /// The tree.
    pub tree: TreeId,
}
