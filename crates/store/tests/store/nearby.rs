//! A tree that is much like another one costs a layer of what differs.

use kukri_store::{Materialisation, PruneOptions, Spare};
use kukri_tree::{Entry, EntryKind, Meta, Node, NodeReader as _, TreeId};

use crate::fixture::{TestStore, flat, is_root, new_store};
use crate::overlay::show;

/// Of a directory with directories of files.
const DIRECTORIES: usize = 20;
const FILES: usize = 30;

fn put(store: &TestStore, node: Node) -> TreeId {
    let (id, bytes) = node.seal();
    store.put_nodes(vec![(id.stored, bytes)]).unwrap();
    id
}

fn file(store: &TestStore, text: &str) -> EntryKind {
    let blob = store.put_blob(text.as_bytes()).unwrap();
    EntryKind::File { meta: Meta::new(0o644), blob, size: text.len() as u64, link_group: 0 }
}

fn entry(name: &str, kind: EntryKind) -> Entry {
    Entry { name: name.as_bytes().into(), kind }
}

fn large(store: &TestStore, word: &str) -> TreeId {
    let directory = |number: usize| {
        let files =
            (0..FILES).map(|at| entry(&format!("{at:02}"), file(store, &format!("{word} {number} {at}"))));
        let id = put(store, Node { meta: Meta::new(0o755), entries: files.collect() });
        entry(&format!("dir{number:02}"), EntryKind::Dir(id))
    };
    put(store, Node { meta: Meta::new(0o755), entries: (0..DIRECTORIES).map(directory).collect() })
}

/// The tree with a change in one of its directories.
fn changed(store: &TestStore, tree: &TreeId, directory: &str, change: impl FnOnce(&mut Node)) -> TreeId {
    let mut root = (*store.node(&tree.stored).unwrap()).clone();
    let EntryKind::Dir(id) = &root.get(directory.as_bytes()).unwrap().kind else { panic!("{directory}") };
    let mut node = (*store.node(&id.stored).unwrap()).clone();
    change(&mut node);
    root.set(entry(directory, EntryKind::Dir(put(store, node))));
    put(store, root)
}

/// How many entries the topmost layer has, directories with it.
fn topmost(layers: &Materialisation) -> usize {
    fn count(at: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| 1 + if path.is_dir() { count(&path) } else { 0 }).sum()
    }
    count(&layers.lowers[0])
}

fn check(store: &TestStore, tree: &TreeId) -> Materialisation {
    let layers = store.materialise(tree).unwrap();
    assert_eq!(show(store, &layers.lowers), flat(store, tree));
    layers
}

#[test]
fn privileged_an_edit_costs_what_it_changes() {
    if !is_root("privileged_an_edit_costs_what_it_changes") {
        return;
    }
    let store = new_store();
    let base = large(&store, "a");
    assert_eq!(check(&store, &base).lowers.len(), 1);
    let edited = changed(&store, &base, "dir07", |node| {
        node.set(entry("03", file(&store, "new")));
        node.set(entry("more", file(&store, "more")));
        node.remove(b"04").unwrap();
        // A file that was, and a directory that is.
        node.set(entry("05", EntryKind::Dir(put(&store, Node::empty()))));
    });
    let layers = check(&store, &edited);
    assert_eq!((layers.lowers.len(), topmost(&layers)), (2, 5));
    drop(layers);
    // After a restart, too; and the other way round.
    let store = store.reopen();
    let again = changed(&store, &edited, "dir07", |node| node.set(entry("05", file(&store, "a file again"))));
    assert!(topmost(&check(&store, &again)) < 8);
    // What is like nothing is built whole.
    let other = large(&store, "b");
    assert_eq!(check(&store, &other).lowers.len(), 1);
    assert_eq!(store.verify(Default::default()).unwrap().problems, []);
}

/// The layer of a tree may stand on another tree's that is collected.
#[test]
fn privileged_what_it_was_built_on_may_go() {
    if !is_root("privileged_what_it_was_built_on_may_go") {
        return;
    }
    let store = new_store();
    let base = large(&store, "a");
    drop(check(&store, &base));
    let edited = changed(&store, &base, "dir00", |node| node.set(entry("x", file(&store, "x"))));
    let kept = check(&store, &edited);
    let everything = PruneOptions { all: true, spare: Spare::Nothing, ..PruneOptions::default() };
    store.prune(&everything).unwrap();
    assert_eq!(show(&store, &kept.lowers), flat(&store, &edited));
    assert_eq!(store.verify(Default::default()).unwrap().problems, []);
}

#[test]
fn privileged_many_edits_keep_the_stack_flat() {
    if !is_root("privileged_many_edits_keep_the_stack_flat") {
        return;
    }
    let store = new_store();
    let mut tree = large(&store, "a");
    drop(check(&store, &tree));
    for step in 0..40 {
        tree = changed(&store, &tree, &format!("dir{:02}", step % DIRECTORIES), |node| {
            node.set(entry("step", file(&store, &step.to_string())));
        });
        let layers = check(&store, &tree);
        assert!(layers.lowers.len() <= store.config().max_layers, "{} layers", layers.lowers.len());
        assert!(topmost(&layers) < FILES * DIRECTORIES / 2, "step {step}: {}", topmost(&layers));
    }
}
