//! Nodes of trees.

use std::sync::{Arc, LazyLock};

use kukri_model::Digest;
use kukri_tree::{Node, NodeReader, TreeError, TreeId};
use rusqlite::OptionalExtension as _;

use crate::Store;
use crate::error::{Result, StoreError};
use crate::sink::{Rows, Sink};
use crate::store::Inner;

/// The empty directory.
pub(crate) static EMPTY: LazyLock<TreeId> = LazyLock::new(|| Node::empty().id());

impl NodeReader for Store {
    fn node(&self, digest: &Digest) -> std::result::Result<Arc<Node>, TreeError> {
        self.inner.node(digest)
    }
}

impl NodeReader for Inner {
    fn node(&self, digest: &Digest) -> std::result::Result<Arc<Node>, TreeError> {
        if let Some(node) = self.nodes.get(digest) {
            return Ok(node);
        }
        // The empty directory is where every tree starts; it is known without a row.
        if *digest == EMPTY.stored {
            return Ok(Arc::new(Node::empty()));
        }
        let missing = |reason: String| TreeError::Missing { digest: *digest, reason };
        let bytes = self.node_bytes(digest).map_err(|error| missing(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| missing("no such node in the store".to_owned()))?;
        if Digest::of(&bytes) != *digest {
            return Err(TreeError::Damaged { digest: *digest, reason: "its bytes have another digest" });
        }
        let node = Arc::new(Node::decode(digest, &bytes)?);
        self.nodes.put(*digest, Arc::clone(&node), decoded_bytes(&node));
        Ok(node)
    }
}

/// What a decoded node takes in memory, about: several times its encoded length.
pub(crate) fn decoded_bytes(node: &Node) -> usize {
    /// The name's allocation with the allocator's rounding.
    const NAME: usize = 32;
    let xattrs = |entry: &kukri_tree::Entry| {
        let xattrs = entry.kind.meta().map_or(&[][..], |meta| &meta.xattrs);
        xattrs.iter().map(|(name, value)| 64 + name.len() + value.len()).sum::<usize>()
    };
    let entries: usize =
        node.entries.iter().map(|entry| size_of::<kukri_tree::Entry>() + NAME + xattrs(entry)).sum();
    size_of::<Node>() + entries
}

impl Inner {
    /// The stored bytes of a node, unchecked.
    pub(crate) fn node_bytes(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        self.index.read("read a node", |connection| {
            let mut query = connection.prepare_cached("SELECT bytes FROM nodes WHERE digest=?")?;
            query.query_row([digest.as_bytes()], |row| row.get(0)).optional()
        })
    }
}

impl Store {
    /// Stores encoded nodes, each under its `TreeId::stored`, in one transaction. If the digest of one is not what it
    /// should be, none is stored.
    pub fn put_nodes(&self, nodes: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        for (expected, bytes) in &nodes {
            let actual = Digest::of(bytes);
            if actual != *expected {
                return Err(StoreError::DigestMismatch { expected: *expected, actual });
            }
        }
        Sink::default().finish(&self.inner, Rows { nodes, ..Rows::default() })
    }

    /// Which of the nodes are there, in the order of the digests. What is there stays, with all below it, for the time
    /// of grace.
    pub fn has_nodes(&self, digests: &[Digest]) -> Result<Vec<bool>> {
        self.inner.touch(digests);
        self.inner.index.read_many("look up nodes", |connection| {
            let mut query = connection.prepare_cached("SELECT 1 FROM nodes WHERE digest=?")?;
            digests
                .iter()
                .map(|digest| Ok(*digest == EMPTY.stored || query.exists([digest.as_bytes()])?))
                .collect()
        })
    }

    /// Stores the empty directory.
    pub fn put_empty_tree(&self) -> Result<TreeId> {
        let (id, bytes) = Node::empty().seal();
        if !self.has_nodes(&[id.stored])?[0] {
            self.put_nodes(vec![(id.stored, bytes)])?;
        }
        Ok(id)
    }
}
