//! Decoded nodes, bounded by bytes.

use std::sync::{Arc, Mutex};

use kukri_model::{Digest, Generations};
use kukri_tree::Node;

use super::lock;

/// Bytes of an entry beside its node.
const ENTRY: usize = 128;

#[derive(Debug)]
pub(crate) struct NodeCache(Mutex<Generations<Arc<Node>>>);

impl NodeCache {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Mutex::new(Generations::new(bytes)))
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Node>> {
        lock(&self.0).get(digest).cloned()
    }

    /// `decoded`: bytes that the node takes in memory.
    pub(crate) fn put(&self, digest: Digest, node: Arc<Node>, decoded: usize) {
        lock(&self.0).insert(digest, node, decoded + ENTRY);
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        lock(&self.0).remove(digest);
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}
