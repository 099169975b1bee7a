//! The result of an operation: a tree, and the nodes that are new with it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kukri_model::Digest;

use crate::node::{Node, NodeReader, TreeError, TreeId};

/// A tree and the nodes that were not there before. Children come before their parents, so that whoever stores them in
/// order never has a node whose children are missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The tree.
    pub id: TreeId,
    /// New nodes: stored digest and encoded bytes.
    pub nodes: Vec<(Digest, Vec<u8>)>,
}

impl Sealed {
    /// A tree that is stored already.
    #[must_use]
    pub const fn existing(id: TreeId) -> Self {
        Self { id, nodes: Vec::new() }
    }

    /// The empty directory: 0755, root, time 0.
    #[must_use]
    pub fn empty() -> Self {
        let mut sealer = Sealer::default();
        let id = sealer.seal(&Node::empty());
        sealer.finish(id)
    }
}

/// Reads the nodes of a [`Sealed`] before they are stored, and all others from `below`.
pub struct Layered<'a> {
    nodes: HashMap<Digest, Arc<Node>>,
    below: &'a dyn NodeReader,
}

impl<'a> Layered<'a> {
    /// Puts nothing above `below` yet.
    #[must_use]
    pub fn new(below: &'a dyn NodeReader) -> Self {
        Self { nodes: HashMap::new(), below }
    }

    /// Adds the nodes of a result.
    ///
    /// # Errors
    /// [`TreeError::Damaged`].
    pub fn add(&mut self, sealed: &Sealed) -> Result<(), TreeError> {
        for (digest, bytes) in &sealed.nodes {
            self.nodes.insert(*digest, Arc::new(Node::decode(digest, bytes)?));
        }
        Ok(())
    }
}

impl NodeReader for Layered<'_> {
    fn node(&self, digest: &Digest) -> Result<Arc<Node>, TreeError> {
        match self.nodes.get(digest) {
            Some(node) => Ok(Arc::clone(node)),
            None => self.below.node(digest),
        }
    }
}

/// Collects new nodes, each once, in the order in which they are sealed.
#[derive(Default)]
pub(crate) struct Sealer {
    known: HashSet<Digest>,
    nodes: Vec<(Digest, Vec<u8>)>,
}

impl Sealer {
    /// Seals a new node.
    pub(crate) fn seal(&mut self, node: &Node) -> TreeId {
        let (id, bytes) = node.seal();
        self.add(id.stored, bytes);
        id
    }

    /// Adds a node that is sealed already.
    pub(crate) fn add(&mut self, digest: Digest, bytes: Vec<u8>) {
        if self.known.insert(digest) {
            self.nodes.push((digest, bytes));
        }
    }

    pub(crate) fn finish(self, id: TreeId) -> Sealed {
        Sealed { id, nodes: self.nodes }
    }
}
