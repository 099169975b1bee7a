//! A tree that may not be computed yet.

use std::sync::Arc;

use kukri_model::{Digest, Encoder};
use kukri_tree::{Node, TreeId};

use super::{Vertex, tree_of};

/// Which of a vertex's trees is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The only tree, or the root file system.
    Tree,
    /// What an exec left in a mounted directory: index among its mounts that are trees.
    Mount(usize),
}

/// A tree, known or to be computed.
#[derive(Clone, Debug)]
pub enum TreeHandle {
    /// Known.
    Known(TreeId),
    /// An output of a vertex.
    Output(Arc<Vertex>, Slot),
}

impl TreeHandle {
    /// The empty tree.
    #[must_use]
    pub fn empty() -> Self {
        Self::Known(Node::empty().id())
    }

    /// A handle that refers to nothing worth keeping.
    pub(crate) fn nothing() -> Self {
        let digest = Digest::from_bytes([0; 32]);
        Self::Known(TreeId { stored: digest, content: digest })
    }

    /// The tree, if this process knows it.
    #[must_use]
    pub fn known(&self) -> Option<TreeId> {
        match self {
            Self::Known(tree) => Some(*tree),
            Self::Output(vertex, slot) => vertex.known().and_then(|value| tree_of(value, *slot)),
        }
    }

    /// The edit that makes this tree, if it is one.
    pub(crate) fn edit(&self) -> Option<&super::edit::Edit> {
        match self {
            Self::Output(vertex, Slot::Tree) => match &vertex.op {
                super::VertexOp::Edit(edit) => Some(edit),
                _ => None,
            },
            _ => None,
        }
    }

    /// What identifies the modification times in it, where `withTimestamps` has set some: then they are part of keys.
    /// Others differ from run to run, and from checkout to checkout, and never are.
    #[must_use]
    pub fn times(&self) -> Option<&Digest> {
        match self {
            Self::Known(_) => None,
            Self::Output(vertex, slot) => vertex.times(*slot),
        }
    }

    /// Adds [`TreeHandle::times`] to a key.
    pub fn encode_times(&self, key: &mut Encoder) {
        if let Some(times) = self.times() {
            key.str("times").digest(times);
        }
    }

    /// Adds what steps can see of the tree to a key: its content, and times that were set.
    pub fn encode_content(&self, tree: &TreeId, key: &mut Encoder) {
        key.digest(&tree.content);
        self.encode_times(key);
    }

    /// Adds the recipe to a key.
    pub fn encode(&self, key: &mut Encoder) {
        self.encode_times(key);
        match self {
            Self::Known(tree) => key.str("tree").digest(&tree.content),
            Self::Output(vertex, Slot::Tree) => key.str("of").digest(&vertex.digest),
            Self::Output(vertex, Slot::Mount(index)) => {
                key.str("mount").digest(&vertex.digest).u64(*index as u64)
            }
        };
    }
}
