//! What changed between two trees, path by path: for lists of paths, patches and merges.

use std::sync::Arc;

use crate::cancel;
use crate::diff::{ChangeKind, Equality, compare, step};
use crate::node::{EntryKind, Meta, Node, NodeReader, TreeError, TreeId};
use crate::path;
use crate::walk::PathRoom;

/// What is at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A directory, with its own metadata.
    Dir(Meta),
    /// Anything else.
    Other(EntryKind),
}

impl Item {
    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        matches!(self, Self::Dir(_))
    }

    /// Whether two things are the same but for their times.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dir(one), Self::Dir(other)) => Equality::Content.metas(one, other),
            (Self::Other(one), Self::Other(other)) => Equality::Content.entries(one, other),
            _ => false,
        }
    }

    /// What it takes in memory.
    fn bytes(&self) -> usize {
        let (meta, target) = match self {
            Self::Dir(meta) => (Some(meta), 0),
            Self::Other(EntryKind::Symlink { meta, target }) => (Some(meta), target.len()),
            Self::Other(kind) => (kind.meta(), 0),
        };
        let xattrs = meta.map_or(&[][..], |meta| &meta.xattrs);
        let xattrs = xattrs.iter().map(|(name, value)| 2 * size_of::<Box<[u8]>>() + name.len() + value.len());
        size_of::<Self>() + target + xattrs.sum::<usize>()
    }
}

/// One path at which two trees differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delta {
    /// Clean path.
    pub path: Vec<u8>,
    /// What was there.
    pub old: Option<Item>,
    /// What is there.
    pub new: Option<Item>,
}

/// Two directories on the way; one may be missing.
struct Frame {
    before: Arc<Node>,
    after: Arc<Node>,
    left: usize,
    right: usize,
    /// Length of their path.
    base: usize,
}

/// All paths at which two trees differ, also those in directories that are only in one of them, parents first. Times do
/// not count. The root's own metadata is not told.
///
/// # Errors
/// [`TreeError::Invalid`] for too many paths, and the reader's.
pub fn deltas(reader: &dyn NodeReader, before: &TreeId, after: &TreeId) -> Result<Vec<Delta>, TreeError> {
    deltas_in(reader, before, after, &mut PathRoom::default())
}

/// The same where there is so much room for all that is compared.
pub(crate) fn deltas_in(
    reader: &dyn NodeReader,
    before: &TreeId,
    after: &TreeId,
    room: &mut PathRoom,
) -> Result<Vec<Delta>, TreeError> {
    let mut found = Vec::new();
    if before.content == after.content {
        return Ok(found);
    }
    let nothing = Arc::new(Node::empty());
    let enter = |before, after, base| Frame { before, after, left: 0, right: 0, base };
    let mut path = Vec::new();
    let mut stack = vec![enter(reader.node(&before.stored)?, reader.node(&after.stored)?, 0)];
    while let Some(Frame { before, after, left, right, base }) = stack.last_mut() {
        cancel::check()?;
        path.truncate(*base);
        let Some(step) = step(before, after, left, right) else {
            stack.pop();
            continue;
        };
        let (old, new) = step.sides();
        path::push(&mut path, old.or(new).map_or(b"", |entry| &entry.name));
        let (old, new) = (old.map(|entry| &entry.kind), new.map(|entry| &entry.kind));
        match (old, new) {
            (Some(EntryKind::Dir(one)), Some(EntryKind::Dir(other))) if one.content == other.content => {
                continue;
            }
            (Some(one), Some(other)) if Equality::Content.entries(one, other) => continue,
            _ => {}
        }
        let node = |kind: Option<&EntryKind>| match kind {
            Some(EntryKind::Dir(id)) => reader.node(&id.stored).map(Some),
            _ => Ok(None),
        };
        let (old_node, new_node) = (node(old)?, node(new)?);
        let item = |kind: Option<&EntryKind>, node: &Option<Arc<Node>>| {
            kind.map(|kind| match node {
                Some(node) => Item::Dir(node.meta.clone()),
                None => Item::Other(kind.clone()),
            })
        };
        let delta = Delta { path: path.clone(), old: item(old, &old_node), new: item(new, &new_node) };
        if !matches!((&delta.old, &delta.new), (Some(one), Some(other)) if one.same(other)) {
            let items =
                [&delta.old, &delta.new].map(|item| item.as_ref().map_or(size_of::<Item>(), Item::bytes));
            room.take_change(delta.path.len(), items[0] + items[1])?;
            found.push(delta);
        }
        if old_node.is_some() || new_node.is_some() {
            let inner = |node: Option<Arc<Node>>| node.unwrap_or_else(|| Arc::clone(&nothing));
            stack.push(enter(inner(old_node), inner(new_node), path.len()));
        }
    }
    Ok(found)
}

/// Paths as text, directories with a trailing `/`; in walk order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChangedPaths {
    /// What is only in the later tree, with all that is in it.
    pub added: Vec<String>,
    /// What is in both but differs. Directories are not among them.
    pub modified: Vec<String>,
    /// What is only in the earlier tree. A directory stands for all that was in it.
    pub removed: Vec<String>,
}

impl ChangedPaths {
    /// What changed between two trees. Times do not count.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] for too many paths, and the reader's.
    pub fn between(reader: &dyn NodeReader, before: &TreeId, after: &TreeId) -> Result<Self, TreeError> {
        let mut paths = Self::default();
        for change in compare(reader, before, after, Equality::Content)? {
            let list = match change.kind {
                ChangeKind::Added => &mut paths.added,
                ChangeKind::Removed => &mut paths.removed,
                ChangeKind::Modified if change.is_dir => continue,
                ChangeKind::Modified => &mut paths.modified,
            };
            list.push(text(&change.path, change.is_dir));
        }
        Ok(paths)
    }
}

/// A path as text, that of a directory with a trailing `/`.
pub(crate) fn text(path: &[u8], is_dir: bool) -> String {
    let mut text = path::text(path);
    if is_dir {
        text.push('/');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::Memory;
    use crate::testing::{self, dir, file, link, model, random_items, tree};

    #[test]
    fn lists() {
        let memory = Memory::new();
        let before = tree(
            &memory,
            &[
                ("gone/deep/x", file("1")),
                ("kept/same", file("2")),
                ("kept/text", file("3")),
                ("mode", testing::Item::Dir(Meta::new(0o700))),
                ("swap", file("4")),
                ("z", link("a")),
            ],
        );
        let after = tree(
            &memory,
            &[
                ("kept/same", file("2")),
                ("kept/text", file("other")),
                ("mode", dir()),
                ("new/x", file("6")),
                ("swap/x", file("7")),
                ("z", link("b")),
            ],
        );
        let paths = ChangedPaths::between(&memory, &before, &after).unwrap();
        assert_eq!(paths.added, ["new/", "new/x", "swap/", "swap/x"]);
        assert_eq!(paths.modified, ["kept/text", "z"]);
        assert_eq!(paths.removed, ["gone/", "swap"]);
        assert_eq!(ChangedPaths::between(&memory, &before, &before).unwrap(), ChangedPaths::default());
        let all = deltas(&memory, &before, &after).unwrap();
        let texts: Vec<_> = all.iter().map(|delta| path::text(&delta.path)).collect();
        assert_eq!(
            texts,
            ["gone", "gone/deep", "gone/deep/x", "kept/text", "mode", "new", "new/x", "swap", "swap/x", "z"]
        );
    }

    /// A few nodes stand for more paths than any memory holds.
    #[test]
    fn paths_have_a_bound() {
        let memory = Memory::new();
        let (one, other) = (testing::doubled(&memory, 30, "x"), testing::doubled(&memory, 30, "y"));
        let nothing = tree(&memory, &[]);
        for (before, after) in [(&nothing, &one), (&one, &other)] {
            for error in [
                ChangedPaths::between(&memory, before, after).unwrap_err(),
                deltas(&memory, before, after).unwrap_err(),
            ] {
                assert!(
                    error.to_string().contains("paths of the changes take more than 268435456 bytes"),
                    "{error}"
                );
            }
        }
        // What was in a directory that is gone is not told.
        assert_eq!(ChangedPaths::between(&memory, &one, &nothing).unwrap().removed.len(), 2);
    }

    proptest! {
        #[test]
        fn deltas_are_what_two_listings_say(one in random_items(), other in random_items()) {
            let memory = Memory::new();
            let (before, after) = (tree(&memory, &one), tree(&memory, &other));
            let (mut old, mut new) = (model(&memory, &before), model(&memory, &after));
            let (old_root, new_root) = (old.remove(""), new.remove(""));
            prop_assert!(old_root.is_some() && new_root.is_some());
            let mut wanted = Vec::new();
            for path in old.keys().chain(new.keys()) {
                if old.get(path) != new.get(path) && !wanted.contains(path) {
                    wanted.push(path.clone());
                }
            }
            wanted.sort();
            let mut found: Vec<_> =
                deltas(&memory, &before, &after).unwrap().iter().map(|delta| path::text(&delta.path)).collect();
            found.sort();
            prop_assert_eq!(found, wanted);
        }
    }
}
