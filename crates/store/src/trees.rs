//! Nodes of trees.
use std::sync::Arc;

use kukri_model::Digest;
use kukri_tree::{Node, NodeReader, TreeError, TreeId};

use crate::{Result, Store};

impl NodeReader for Store {
    fn node(&self, _digest: &Digest) -> std::result::Result<Arc<Node>, TreeError> {
        todo!()
    }
}

impl Store {
    /// Stores encoded nodes, each under its `TreeId::stored`, in one transaction.
    pub fn put_nodes(&self, _nodes: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        todo!()
    }
    /// Which of the nodes are there.
    pub fn has_nodes(&self, _digests: &[Digest]) -> Result<Vec<bool>> {
        todo!()
    }
    /// Stores the empty directory.
    pub fn put_empty_tree(&self) -> Result<TreeId> {
        todo!()
    }
}
