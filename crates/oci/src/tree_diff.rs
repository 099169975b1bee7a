//! What leads from one tree to another, in the terms of layers: entries that are new or different, with their
//! metadata, and names that are gone.

use std::cmp::Ordering;
use std::sync::Arc;

use kukri_tree::{EntryKind, Equality, Meta, Node, NodeReader, TreeError, TreeId, cancel};

/// One difference. Paths have no `/` at either end; the root is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Difference {
    /// The name is gone, with everything below it.
    Removed(Vec<u8>),
    /// A directory that is new or has other metadata. Its children follow.
    Dir(Vec<u8>, Meta),
    /// Anything else that is new or different.
    Leaf(Vec<u8>, EntryKind),
}

/// Iterates over differences: parents before children, names in order. Subtrees that are the same are not read.
pub(crate) struct TreeDiff<'a> {
    reader: &'a dyn NodeReader,
    equality: Equality,
    stack: Vec<Frame>,
    path: Vec<u8>,
    /// A directory to enter: its name, what it was, what it is.
    root: Option<Difference>,
}

struct Frame {
    old: Option<Arc<Node>>,
    new: Arc<Node>,
    old_at: usize,
    new_at: usize,
    /// Length of the directory's own path.
    length: usize,
}

impl<'a> TreeDiff<'a> {
    pub(crate) fn new(
        reader: &'a dyn NodeReader,
        old: Option<&TreeId>,
        new: &TreeId,
        equality: Equality,
    ) -> Result<Self, TreeError> {
        let mut diff = Self { reader, equality, stack: Vec::new(), path: Vec::new(), root: None };
        if old.is_some_and(|old| equality.trees(old, new)) {
            return Ok(diff);
        }
        let old = old.map(|old| reader.node(&old.stored)).transpose()?;
        let new = reader.node(&new.stored)?;
        let before = old.as_ref().map_or(Meta::new(0o755), |old| old.meta.clone());
        if !equality.metas(&before, &new.meta) {
            diff.root = Some(Difference::Dir(Vec::new(), new.meta.clone()));
        }
        diff.stack.push(Frame { old, new, old_at: 0, new_at: 0, length: 0 });
        Ok(diff)
    }

    fn child(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        path
    }

    /// Goes one name on. `Ok(None)`: nothing to report, but there may be more.
    fn step(&mut self) -> Result<Option<Difference>, TreeError> {
        cancel::check()?;
        let Some(frame) = self.stack.last_mut() else { return Ok(None) };
        self.path.truncate(frame.length);
        let old = frame.old.as_ref().and_then(|node| node.entries.get(frame.old_at)).cloned();
        let new = frame.new.entries.get(frame.new_at).cloned();
        let order = match (&old, &new) {
            (None, None) => {
                self.stack.pop();
                return Ok(None);
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.name.cmp(&new.name),
        };
        frame.old_at += usize::from(order != Ordering::Greater);
        frame.new_at += usize::from(order != Ordering::Less);
        let (old, new) = match (old, new) {
            (Some(old), _) if order == Ordering::Less => {
                return Ok(Some(Difference::Removed(self.child(&old.name))));
            }
            (_, None) => return Ok(None),
            (old, Some(new)) => (old.filter(|_| order == Ordering::Equal), new),
        };
        let old = old.map(|old| old.kind);
        let path = self.child(&new.name);
        let EntryKind::Dir(id) = new.kind else {
            let differ = old.is_none_or(|old| !self.equality.entries(&old, &new.kind));
            return Ok(differ.then_some(Difference::Leaf(path, new.kind)));
        };
        let old = match old {
            Some(EntryKind::Dir(old)) if self.equality.trees(&old, &id) => return Ok(None),
            Some(EntryKind::Dir(old)) => Some(self.reader.node(&old.stored)?),
            _ => None,
        };
        let node = self.reader.node(&id.stored)?;
        let changed = old.as_ref().is_none_or(|old| !self.equality.metas(&old.meta, &node.meta));
        let difference = changed.then(|| Difference::Dir(path.clone(), node.meta.clone()));
        self.stack.push(Frame { old, new: node, old_at: 0, new_at: 0, length: path.len() });
        self.path = path;
        Ok(difference)
    }
}

impl Iterator for TreeDiff<'_> {
    type Item = Result<Difference, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(root) = self.root.take() {
            return Some(Ok(root));
        }
        while !self.stack.is_empty() {
            match self.step() {
                Ok(None) => {}
                Ok(Some(difference)) => return Some(Ok(difference)),
                Err(error) => {
                    self.stack.clear();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use kukri_model::Digest;
    use kukri_tree::Entry;

    use super::*;

    #[derive(Default)]
    struct Nodes(HashMap<Digest, Arc<Node>>);

    impl NodeReader for Nodes {
        fn node(&self, digest: &Digest) -> Result<Arc<Node>, TreeError> {
            self.0
                .get(digest)
                .cloned()
                .ok_or(TreeError::Missing { digest: *digest, reason: "test".to_owned() })
        }
    }

    impl Nodes {
        fn dir(&mut self, mode: u32, children: Vec<(&str, EntryKind)>) -> EntryKind {
            let mut node = Node { meta: Meta::new(mode), entries: vec![] };
            for (name, kind) in children {
                node.set(Entry { name: name.as_bytes().into(), kind });
            }
            let id = node.id();
            self.0.insert(id.stored, Arc::new(node));
            EntryKind::Dir(id)
        }
    }

    fn file(content: &str, mtime_ns: i64) -> EntryKind {
        let meta = Meta { mtime_ns, ..Meta::new(0o644) };
        EntryKind::File {
            meta,
            blob: Digest::of(content.as_bytes()),
            size: content.len() as u64,
            link_group: 0,
        }
    }

    fn differences(nodes: &Nodes, old: Option<&EntryKind>, new: &EntryKind) -> Vec<String> {
        differences_with(nodes, old, new, Equality::Stored)
    }

    fn differences_with(
        nodes: &Nodes,
        old: Option<&EntryKind>,
        new: &EntryKind,
        equality: Equality,
    ) -> Vec<String> {
        let id = |kind: &EntryKind| match kind {
            EntryKind::Dir(id) => *id,
            _ => panic!("not a directory"),
        };
        let old = old.map(id);
        let text = |path: Vec<u8>| String::from_utf8(path).unwrap();
        TreeDiff::new(nodes, old.as_ref(), &id(new), equality)
            .unwrap()
            .map(|difference| match difference.unwrap() {
                Difference::Removed(path) => format!("-{}", text(path)),
                Difference::Dir(path, meta) => format!("{}/ {:o}", text(path), meta.mode),
                Difference::Leaf(path, _) => text(path),
            })
            .collect()
    }

    #[test]
    fn added_changed_and_removed() {
        let mut nodes = Nodes::default();
        let same = nodes.dir(0o700, vec![("x", file("x", 1))]);
        let deep = nodes.dir(0o755, vec![("a", file("a", 1)), ("b", file("b", 1))]);
        let old = nodes.dir(
            0o755,
            vec![
                ("deep", deep.clone()),
                ("gone", same.clone()),
                ("same", same.clone()),
                ("time", file("t", 1)),
                ("was-dir", same.clone()),
                ("was-file", file("f", 1)),
            ],
        );
        let deep = nodes.dir(0o755, vec![("a", file("A", 1)), ("c", file("c", 1))]);
        let new = nodes.dir(
            0o755,
            vec![
                ("deep", deep),
                ("new", same.clone()),
                ("same", same.clone()),
                ("time", file("t", 2)),
                ("was-dir", file("f", 1)),
                ("was-file", same),
                ("zz", file("z", 1)),
            ],
        );
        let expected = [
            "deep/a",
            "-deep/b",
            "deep/c",
            "-gone",
            "new/ 700",
            "new/x",
            "time",
            "was-dir",
            "was-file/ 700",
            "was-file/x",
            "zz",
        ];
        assert_eq!(differences(&nodes, Some(&old), &new), expected);
        assert!(differences(&nodes, Some(&new), &new).is_empty());
    }

    #[test]
    fn times_may_be_ignored() {
        let mut nodes = Nodes::default();
        let deep = nodes.dir(0o755, vec![("x", file("x", 1)), ("y", file("y", 1))]);
        let old = nodes.dir(0o755, vec![("deep", deep), ("time", file("t", 1))]);
        let deep = nodes.dir(0o755, vec![("x", file("x", 2)), ("y", file("Y", 2))]);
        let new = nodes.dir(0o755, vec![("deep", deep), ("time", file("t", 2))]);
        assert_eq!(differences(&nodes, Some(&old), &new), ["deep/x", "deep/y", "time"]);
        assert_eq!(differences_with(&nodes, Some(&old), &new, Equality::Content), ["deep/y"]);
    }

    #[test]
    fn without_a_base_all_is_new() {
        let mut nodes = Nodes::default();
        let empty = nodes.dir(0o755, vec![]);
        assert!(differences(&nodes, None, &empty).is_empty());
        let inner = nodes.dir(0o755, vec![]);
        let root = nodes.dir(0o711, vec![("d", inner)]);
        assert_eq!(differences(&nodes, None, &root), ["/ 711", "d/ 755"]);
        assert_eq!(differences(&nodes, Some(&empty), &root), ["/ 711", "d/ 755"]);
        assert_eq!(differences(&nodes, Some(&root), &empty), ["/ 755", "-d"]);
    }
}
