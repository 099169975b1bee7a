//! What is reachable. Iterative, each node once, so it costs what the trees have in nodes, not what they have in paths.

use std::collections::HashSet;
use std::sync::Arc;

use kukri_model::Digest;
use kukri_tree::{EntryKind, Node};

use crate::disk::objects::object_key;
use crate::disk::packs::PACK_LIMIT;
use crate::error::Result;
use crate::records::Root;
use crate::store::Inner;

/// Reachable things.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) nodes: HashSet<Digest>,
    pub(crate) blobs: HashSet<Digest>,
    /// Layers whose bytes were counted.
    pub(crate) layers: HashSet<u64>,
    /// What was marked since [`Marks::try_roots`] began, to take it back.
    journal: Option<Journal>,
}

#[derive(Clone, Debug, Default)]
struct Journal {
    nodes: Vec<Digest>,
    blobs: Vec<Digest>,
    layers: Vec<u64>,
}

impl Marks {
    /// Marks all below some roots if that adds at most `room` bytes; returns the bytes, or `None` and nothing is marked.
    pub(crate) fn try_roots(&mut self, inner: &Inner, roots: &[Root], room: u64) -> Result<Option<u64>> {
        self.journal = Some(Journal::default());
        let bytes: Result<u64> = roots.iter().try_fold(0, |bytes, root| Ok(bytes + self.root(inner, root)?));
        let journal = self.journal.take().unwrap_or_default();
        let bytes = bytes?;
        if bytes <= room {
            return Ok(Some(bytes));
        }
        for digest in &journal.nodes {
            self.nodes.remove(digest);
        }
        for digest in &journal.blobs {
            self.blobs.remove(digest);
        }
        for id in &journal.layers {
            self.layers.remove(id);
        }
        Ok(None)
    }

    /// Marks all below a root; returns the bytes that were not marked before. What is missing is passed over.
    pub(crate) fn root(&mut self, inner: &Inner, root: &Root) -> Result<u64> {
        match root {
            Root::Tree(tree) => Ok(self.tree(inner, &tree.stored)? + self.layers_of(inner, &tree.stored)?),
            Root::Blob(blob) if self.blob(blob) => Ok(inner.size_of(blob)?.unwrap_or_default()),
            Root::Blob(_) => Ok(0),
        }
    }

    /// Whether the content is new.
    fn blob(&mut self, blob: &Digest) -> bool {
        let new = self.blobs.insert(*blob);
        if new && let Some(journal) = &mut self.journal {
            journal.blobs.push(*blob);
        }
        new
    }

    fn layers_of(&mut self, inner: &Inner, tree: &Digest) -> Result<u64> {
        let mut bytes = 0;
        for (id, len) in inner.layers_of(tree)? {
            if self.layers.insert(id) {
                bytes += len;
                if let Some(journal) = &mut self.journal {
                    journal.layers.push(id);
                }
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
            if let Some(journal) = &mut self.journal {
                journal.nodes.push(digest);
            }
            bytes += len;
            for entry in &node.entries {
                match &entry.kind {
                    EntryKind::Dir(id) => todo.push(id.stored),
                    EntryKind::File { meta, blob, size, .. } if *size > PACK_LIMIT as u64 => {
                        // With other metadata it is another file. Trees that were in no layer yet have none.
                        let key = object_key(blob, meta);
                        let (new_key, new) = (self.blob(&key), self.blob(blob));
                        if new || (new_key && inner.has_object(&key)?) {
                            bytes += size;
                        }
                    }
                    EntryKind::File { blob, size, .. } if self.blob(blob) => bytes += size,
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
