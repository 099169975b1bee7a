//! How long the hot paths take: `cargo run --release -p kukri-store --example store-speed -- DIRECTORY`.
#![expect(clippy::print_stdout, reason = "prints its measurements")]

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use kukri_model::Digest;
use kukri_store::{ResultRecord, Root, Spare, Store, StoreConfig};
use kukri_tree::{Entry, EntryKind, Meta, Node, NodeReader, TreeId};

fn main() {
    let root = std::env::args().nth(1).expect("a directory for the store");
    let store = Store::open(StoreConfig::new(&root)).unwrap();
    let blobs = contents(50_000, 4096);
    let copy = blobs.clone();
    once("put_blobs 50,000 x 4 KiB", || store.put_blobs(copy).unwrap());
    let digests: Vec<Digest> = blobs.iter().map(|(digest, _)| *digest).collect();
    once("has_blobs 50,000", || assert!(store.has_blobs(&digests).unwrap().iter().all(|there| *there)));
    let tree = image(&store);
    let base = store.materialise(&tree).unwrap();
    median("materialise, known", 2000, || drop(store.materialise(&tree).unwrap()));
    let mut number = 0;
    median("workspace", 300, || drop(store.workspace(Some(&tree)).unwrap()));
    let mut spaces: Vec<_> = (0..300)
        .map(|number| {
            let space = store.workspace(Some(&tree)).unwrap();
            fs::create_dir_all(space.upper().join("usr/dir7")).unwrap();
            fs::write(space.upper().join("usr/dir7/changed"), format!("changed {number}")).unwrap();
            space
        })
        .collect();
    median("commit_upper, one file", 300, || {
        store.commit_upper(&tree, spaces.pop().unwrap()).unwrap();
    });
    let mut chain = tree;
    let mut longest = Duration::ZERO;
    once("chain of 200 execs (workspace, one file, commit, materialise)", || {
        for step in 0..200 {
            let start = Instant::now();
            let mounted = store.materialise(&chain).unwrap();
            let space = store.workspace(Some(&chain)).unwrap();
            fs::write(space.upper().join(format!("step{step}")), "x").unwrap();
            chain = store.commit_upper(&chain, space).unwrap();
            drop(mounted);
            longest = longest.max(start.elapsed());
        }
    });
    println!("  longest step {longest:?}");
    median("materialise, one file edited", 200, || {
        number += 1;
        let mut node = (*store.node(&tree.stored).unwrap()).clone();
        let blob = store.put_blob(format!("edit {number}").as_bytes()).unwrap();
        let kind = EntryKind::File { meta: Meta::new(0o644), blob, size: 6, link_group: 0 };
        node.set(Entry { name: b"edit"[..].into(), kind });
        let (id, bytes) = node.seal();
        store.put_nodes(vec![(id.stored, bytes)]).unwrap();
        store.materialise(&id).unwrap();
    });
    let key = Digest::of(b"key");
    let record = ResultRecord {
        value: vec![1; 200],
        roots: vec![Root::Tree(tree)],
        label: "label".to_owned(),
        slot: key,
        inputs: vec![],
        cost_ms: 1,
        created: SystemTime::now(),
    };
    median("put_result", 500, || store.put_result(&key, record.clone()).unwrap());
    median("get_result", 5000, || drop(store.get_result(&key).unwrap()));
    median("node, cached", 5000, || drop(store.node(&tree.stored).unwrap()));
    median("put_blob 100 bytes", 500, || {
        number += 1;
        store.put_blob(&number.to_string().repeat(20).into_bytes()).unwrap();
    });
    median("read_blob 4 KiB", 2000, || {
        number += 1;
        store.read_blob(&digests[number % digests.len()]).unwrap();
    });
    drop(base);
    once("materialise 15,000 files anew", || {
        let (copy, id) = renamed(&store, &tree);
        store.put_nodes(copy).unwrap();
        store.materialise(&id).unwrap();
    });
    once("du", || drop(store.du(Spare::Nothing).unwrap()));
    once("prune, nothing to do", || drop(store.prune(&Default::default()).unwrap()));
    let config = store.config().clone();
    once("close", || drop(store));
    once("open", || drop(Store::open(config).unwrap()));
}

/// An image of 15,000 files, a third of them large.
fn image(store: &Store) -> TreeId {
    let mut layer = store.layer_writer().unwrap();
    let content = vec![7_u8; 40_000];
    once("layer of 15,000 files, 240 MB", || {
        for dir in 0..300 {
            for file in 0..50_u32 {
                let size = if file % 3 == 0 { 40_000 - dir } else { 4000 + dir };
                let head = (dir * 50 + file).to_le_bytes();
                let mut input = std::io::Read::chain(&head[..], &content[4..size as usize]);
                let path = format!("usr/dir{dir}/file{file}");
                layer.add_file(path.as_bytes(), &Meta::new(0o644), size.into(), &mut input).unwrap();
            }
        }
    });
    let mut id = None;
    once("layer finish", || id = Some(layer.finish(None).unwrap()));
    id.unwrap()
}

/// The same tree below another root, which has no stack.
fn renamed(store: &Store, tree: &TreeId) -> (Vec<(Digest, Vec<u8>)>, TreeId) {
    let mut node = Node::empty();
    node.set(Entry { name: b"elsewhere"[..].into(), kind: EntryKind::Dir(*tree) });
    assert!(store.node(&tree.stored).is_ok());
    let (id, bytes) = node.seal();
    (vec![(id.stored, bytes)], id)
}

fn contents(count: u32, len: usize) -> Vec<(Digest, Vec<u8>)> {
    let content = |number: u32| {
        let mut content = vec![3; len];
        content[..4].copy_from_slice(&number.to_le_bytes());
        (Digest::of(&content), content)
    };
    (0..count).map(content).collect()
}

fn once(what: &str, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    println!("{what}: {:.1?}", start.elapsed());
}

fn median(what: &str, count: usize, mut work: impl FnMut()) {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("{what}: {:.1?} (99 %: {:.1?})", times[count / 2], times[count * 99 / 100]);
}
