//! Trees and contents in memory: for tests, and for small trees that are made and thrown away.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use kukri_model::Digest;

use crate::node::{BlobReader, Node, NodeReader, TreeError, TreeId};
use crate::sealed::Sealed;

/// Nodes and blobs in maps. Shared freely: all methods take `&self`.
#[derive(Default, Debug)]
pub struct Memory {
    nodes: RwLock<HashMap<Digest, Arc<Node>>>,
    blobs: RwLock<HashMap<Digest, Arc<[u8]>>>,
}

impl Memory {
    /// Without anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a node. Its subtrees are kept separately.
    pub fn put_node(&self, node: Node) -> TreeId {
        let id = node.id();
        self.nodes.write().unwrap_or_else(PoisonError::into_inner).insert(id.stored, Arc::new(node));
        id
    }

    /// Keeps a content.
    pub fn put_blob(&self, content: &[u8]) -> Digest {
        let digest = Digest::of(content);
        self.blobs.write().unwrap_or_else(PoisonError::into_inner).insert(digest, content.into());
        digest
    }

    /// Keeps the nodes of a result and returns its tree.
    ///
    /// # Errors
    /// [`TreeError::Damaged`].
    pub fn put(&self, sealed: &Sealed) -> Result<TreeId, TreeError> {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        for (digest, bytes) in &sealed.nodes {
            nodes.insert(*digest, Arc::new(Node::decode(digest, bytes)?));
        }
        Ok(sealed.id)
    }

    /// Number of different nodes kept.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl NodeReader for Memory {
    fn node(&self, digest: &Digest) -> Result<Arc<Node>, TreeError> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes
            .get(digest)
            .cloned()
            .ok_or_else(|| TreeError::Missing { digest: *digest, reason: "not in memory".to_owned() })
    }
}

impl BlobReader for Memory {
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, TreeError> {
        let blobs = self.blobs.read().unwrap_or_else(PoisonError::into_inner);
        blobs.get(digest).map(|content| content.to_vec()).ok_or_else(|| TreeError::Missing {
            digest: *digest,
            reason: "content is not in memory".to_owned(),
        })
    }
}
