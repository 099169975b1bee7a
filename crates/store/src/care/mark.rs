//! What is reachable. Iterative, each node once, so it costs what the trees have in nodes, not what they have in paths.

use std::collections::HashSet;
use std::sync::Arc;

use kukri_model::Digest;
use kukri_tree::{EntryKind, Node};

use crate::error::Result;
use crate::records::Root;
use crate::store::Inner;

/// Reachable things.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) nodes: HashSet<Digest>,
    pub(crate) blobs: HashSet<Digest>,
    /// Layers whose bytes were counted.
    pub(crate) layers: HashSet<u64>,
}

impl Marks {
    /// Marks all below a root; returns the bytes that were not marked before. What is missing is passed over.
    pub(crate) fn root(&mut self, inner: &Inner, root: &Root) -> Result<u64> {
        match root {
            Root::Tree(tree) => Ok(self.tree(inner, &tree.stored)? + self.layers_of(inner, &tree.stored)?),
            Root::Blob(blob) if self.blobs.insert(*blob) => Ok(inner.size_of(blob)?.unwrap_or_default()),
            Root::Blob(_) => Ok(0),
        }
    }

    fn layers_of(&mut self, inner: &Inner, tree: &Digest) -> Result<u64> {
        let mut bytes = 0;
        for (id, len) in inner.layers_of(tree)? {
            if self.layers.insert(id) {
                bytes += len;
            }
        }
        Ok(bytes)
    }

    /// Marks a digest of which it is not known what it is of: a node, a content, or the key of an object.
    pub(crate) fn any(&mut self, inner: &Inner, digest: &Digest) -> Result<u64> {
        self.blobs.insert(*digest);
        self.tree(inner, digest)
    }

    pub(crate) fn tree(&mut self, inner: &Inner, digest: &Digest) -> Result<u64> {
        let mut bytes = 0;
        let mut todo = vec![*digest];
        while let Some(digest) = todo.pop() {
            if self.nodes.contains(&digest) {
                continue;
            }
            let Some((node, len)) = inner.peek_node(&digest)? else { continue };
            self.nodes.insert(digest);
            bytes += len;
            for entry in &node.entries {
                match &entry.kind {
                    EntryKind::Dir(id) => todo.push(id.stored),
                    EntryKind::File { blob, size, .. } if self.blobs.insert(*blob) => bytes += size,
                    _ => {}
                }
            }
        }
        Ok(bytes)
    }
}

impl Inner {
    /// A node and the length of its bytes, without pushing what is in use out of the cache. `None` if it is missing or
    /// damaged.
    pub(crate) fn peek_node(&self, digest: &Digest) -> Result<Option<(Arc<Node>, u64)>> {
        let Some(bytes) = self.node_bytes(digest)? else { return Ok(None) };
        Ok(Node::decode(digest, &bytes).ok().map(|node| (Arc::new(node), bytes.len() as u64)))
    }

    /// Length of a content; `None` if it is not there.
    pub(crate) fn size_of(&self, blob: &Digest) -> Result<Option<u64>> {
        use rusqlite::OptionalExtension as _;
        self.index.read("look up a content", |connection| {
            let mut query = connection.prepare_cached(
                "SELECT size FROM packed WHERE digest=?1 UNION ALL SELECT size FROM objects WHERE digest=?1 LIMIT 1",
            )?;
            let size: Option<i64> = query.query_row([blob.as_bytes()], |row| row.get(0)).optional()?;
            Ok(size.map(|size| size as u64))
        })
    }
}
