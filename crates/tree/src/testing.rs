//! Trees written down in a line, for the tests of this crate.

use std::collections::BTreeMap;

use kukri_model::Digest;

use crate::memory::Memory;
use crate::node::{Entry, EntryKind, Meta, Node, NodeReader, TreeId};
use crate::walk::Walk;

/// What a test puts at a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Dir(Meta),
    Other(EntryKind),
}

/// A directory: 0755, root.
pub fn dir() -> Item {
    Item::Dir(Meta::new(0o755))
}

/// A file with this content: 0644, root.
pub fn file(content: &str) -> Item {
    Item::Other(EntryKind::File {
        meta: Meta::new(0o644),
        blob: Digest::of(content.as_bytes()),
        size: content.len() as u64,
        link_group: 0,
    })
}

/// A symbolic link.
pub fn link(target: &str) -> Item {
    Item::Other(EntryKind::Symlink { meta: Meta::new(0o777), target: target.as_bytes().into() })
}

/// Builds a tree the plain way, from a sorted map and from the leaves up, independently of `Editor`. Parents that are not
/// listed are 0755, root.
pub fn tree(memory: &Memory, items: &[(&str, Item)]) -> TreeId {
    let mut all: BTreeMap<Vec<u8>, Item> = BTreeMap::new();
    for (path, item) in items {
        let path = path.as_bytes();
        for at in (0..path.len()).filter(|at| path[*at] == b'/') {
            all.entry(path[..at].to_vec()).or_insert_with(dir);
        }
        all.insert(path.to_vec(), item.clone());
    }
    let Item::Dir(meta) = all.remove(&b""[..]).unwrap_or_else(dir) else { panic!("the root is a directory") };
    build(memory, &all, b"", meta)
}

fn build(memory: &Memory, all: &BTreeMap<Vec<u8>, Item>, at: &[u8], meta: Meta) -> TreeId {
    let mut node = Node { meta, entries: Vec::new() };
    for (path, item) in all {
        let (parent, name) = crate::path::split(path).expect("not the root");
        if parent == at {
            let kind = match item {
                Item::Dir(meta) => EntryKind::Dir(build(memory, all, path, meta.clone())),
                Item::Other(kind) => kind.clone(),
            };
            node.set(Entry { name: name.into(), kind });
        }
    }
    memory.put_node(node)
}

/// Directories called `d`, one in the other.
pub fn nested(memory: &Memory, depth: usize) -> TreeId {
    let mut root = memory.put_node(Node::empty());
    for _ in 0..depth {
        let mut node = Node::empty();
        node.set(Entry { name: (*b"d").into(), kind: EntryKind::Dir(root) });
        root = memory.put_node(node);
    }
    root
}

/// A directory with two more of its kind, one in the other so often, and a file with this content at the ends: more paths
/// than anyone can visit, of a few nodes.
pub fn doubled(memory: &Memory, depth: usize, content: &str) -> TreeId {
    memory.put_blob(content.as_bytes());
    let mut root = tree(memory, &[("f", file(content))]);
    for _ in 0..depth {
        let mut node = Node::empty();
        for name in [*b"a", *b"b"] {
            node.set(Entry { name: name.into(), kind: EntryKind::Dir(root) });
        }
        root = memory.put_node(node);
    }
    root
}

/// All paths of a tree, directories with a trailing slash.
pub fn paths(reader: &dyn NodeReader, root: &TreeId) -> Vec<String> {
    Walk::new(reader, root).map(|entry| entry.expect("a readable tree").text()).collect()
}

/// All paths with what is there, the root included: the model that trees are compared with.
pub fn model(reader: &dyn NodeReader, root: &TreeId) -> BTreeMap<String, Item> {
    let meta = |id: &TreeId| Item::Dir(reader.node(&id.stored).expect("a readable tree").meta.clone());
    let mut all = BTreeMap::from([(String::new(), meta(root))]);
    for entry in Walk::new(reader, root) {
        let entry = entry.expect("a readable tree");
        let item = match &entry.kind {
            EntryKind::Dir(id) => meta(id),
            other => Item::Other(other.clone()),
        };
        all.insert(crate::path::text(&entry.path), item);
    }
    all
}

/// Names from a small set, so that random trees meet: files, links and directories of different kinds.
pub fn random_items() -> impl proptest::strategy::Strategy<Value = Vec<(&'static str, Item)>> {
    use proptest::prelude::*;
    let path = proptest::sample::select(vec![
        "a", "b", "c", "a/x", "a/y", "b/x", "a/x/1", "a/x/2", "b/x/1", "c/z/1/2",
    ]);
    let item = prop_oneof![
        Just(file("one")),
        Just(file("two")),
        Just(link("a")),
        Just(dir()),
        Just(Item::Dir(Meta::new(0o700))),
    ];
    proptest::collection::btree_map(path, item, 0..8).prop_map(|items| {
        let is_leaf = |path: &str| items.get(path).is_some_and(|item| !matches!(item, Item::Dir(_)));
        let below_leaf = |path: &str| path.match_indices('/').any(|(at, _)| is_leaf(&path[..at]));
        items.iter().filter(|(path, _)| !below_leaf(path)).map(|(path, item)| (*path, item.clone())).collect()
    })
}
