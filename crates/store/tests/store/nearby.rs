//! A tree that is much like another one costs a layer of what differs.

use kukri_store::{Materialisation, PruneOptions, Spare, VerifyOptions};
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

#[test]
fn a_deep_look_finds_what_layers_lack() {
    use std::fs;
    let deep = |store: &TestStore, repair| {
        let report = store.verify(VerifyOptions { deep: true, repair }).unwrap();
        report.problems.into_iter().map(|problem| problem.reason).collect::<Vec<_>>()
    };
    let whole = |path: &std::path::Path| fs::read_to_string(path).unwrap();
    let store = new_store();
    let base = large(&store, "word");
    let next = changed(&store, &base, "dir03", |node| node.set(entry("05", file(&store, "changed"))));
    let path = |at: usize, name: &str| {
        let base = store.materialise(&base).unwrap();
        let lowers = store.materialise(&next).unwrap().lowers;
        assert_eq!((lowers.len(), &lowers[1]), (2, &base.lowers[0]));
        lowers[at].join(name)
    };
    for (at, name, text) in [(1, "dir07/02", "word 7 2"), (0, "dir03/05", "changed")] {
        let file = path(at, name);
        assert_eq!((deep(&store, false), whole(&file)), (Vec::new(), text.to_owned()));
        let length = text.len();
        let damage: [(&dyn Fn(), String); 3] = [
            (&|| fs::write(&file, "").unwrap(), format!("has 0 bytes instead of {length}")),
            (&|| fs::write(&file, "X".repeat(length)).unwrap(), "has another content".to_owned()),
            (&|| fs::remove_file(&file).unwrap(), "is gone".to_owned()),
        ];
        for (damage, what) in damage {
            damage();
            let found = deep(&store, false);
            assert!(matches!(&found[..], [one] if one.ends_with(&format!("{name} {what}"))), "{found:?}");
        }
        assert_eq!((deep(&store, true).len(), deep(&store, false)), (1, Vec::new()));
        assert_eq!(whole(&path(at, name)), text, "it is built anew");
    }
}
