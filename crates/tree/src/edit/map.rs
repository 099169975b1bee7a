//! Changing the metadata of everything below a directory.
//!
//! A directory that is in a tree several times is changed once: its new tree depends on nothing but the old one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kukri_model::Digest;

use crate::cancel;
use crate::edit::Editor;
use crate::node::{EntryKind, Meta, Node, TreeError, TreeId};
use crate::sealed::Sealer;

/// Changes metadata. The kind is none for a directory; it must not depend on where that lies.
pub(super) type Change<'c> = &'c mut dyn FnMut(&mut Meta, Option<&EntryKind>);

/// What directories became, by what they were, for one change.
pub(super) type Mapped = HashMap<TreeId, TreeId>;

/// Nodes that an editor made before the end, with their bytes.
pub(super) type Made = HashMap<Digest, (Arc<Node>, Vec<u8>)>;

struct Frame {
    id: TreeId,
    node: Node,
    next: usize,
}

/// Changes an entry that is not a directory.
pub(super) fn change_entry(kind: &mut EntryKind, change: Change<'_>) {
    let old = kind.clone();
    if let Some(meta) = kind.meta_mut() {
        change(meta, Some(&old));
    }
}

impl Editor<'_> {
    /// A node that this editor made or its reader has.
    pub(super) fn node(&self, digest: &Digest) -> Result<Arc<Node>, TreeError> {
        match self.made.get(digest) {
            Some((node, _)) => Ok(Arc::clone(node)),
            None => self.reader.node(digest),
        }
    }

    /// The tree that `root` becomes when everything in it is changed, itself too.
    pub(super) fn map_tree(
        &mut self,
        root: TreeId,
        change: Change<'_>,
        mapped: &mut Mapped,
    ) -> Result<TreeId, TreeError> {
        let mut stack = Vec::new();
        let mut enter = Some(root);
        loop {
            if let Some(id) = enter.take()
                && !mapped.contains_key(&id)
            {
                cancel::check()?;
                let mut node = Node::clone(&*self.node(&id.stored)?);
                change(&mut node.meta, None);
                stack.push(Frame { id, node, next: 0 });
            }
            let Some(frame) = stack.last_mut() else { return Ok(mapped[&root]) };
            let mut rest = frame.node.entries[frame.next..].iter_mut();
            let inner = rest.find_map(|entry| {
                match &mut entry.kind {
                    EntryKind::Dir(id) => match mapped.get(id) {
                        Some(known) => *id = *known,
                        None => return Some(*id),
                    },
                    kind => change_entry(kind, change),
                }
                frame.next += 1;
                None
            });
            if inner.is_some() {
                // The entry comes again when its tree is known.
                enter = inner;
                continue;
            }
            let Frame { id, node, .. } = stack.pop().expect("it was just there");
            let (new, bytes) = node.seal();
            if new != id {
                self.made.insert(new.stored, (Arc::new(node), bytes));
            }
            mapped.insert(id, new);
        }
    }

    /// Adds those nodes of `kinds` and below that this editor made to those of the result, each after its children.
    pub(super) fn seal_made<'k>(
        &self,
        kinds: impl Iterator<Item = &'k EntryKind>,
        sealer: &mut Sealer,
        seen: &mut HashSet<Digest>,
    ) {
        if self.made.is_empty() {
            return;
        }
        let made = |kind: &EntryKind| match kind {
            EntryKind::Dir(id) if self.made.contains_key(&id.stored) => Some(id.stored),
            _ => None,
        };
        let mut stack: Vec<(Option<Digest>, Vec<Digest>)> = vec![(None, kinds.filter_map(made).collect())];
        while let Some((digest, rest)) = stack.last_mut() {
            if let Some(next) = rest.pop() {
                if seen.insert(next) {
                    let below = self.made[&next].0.entries.iter().filter_map(|entry| made(&entry.kind));
                    stack.push((Some(next), below.collect()));
                }
                continue;
            }
            if let Some(digest) = digest {
                sealer.add(*digest, self.made[digest].1.clone());
            }
            stack.pop();
        }
    }
}
