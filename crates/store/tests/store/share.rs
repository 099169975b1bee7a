//! What several layers have, and one object holds. Measured on the disk.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kukri_model::Digest;
use kukri_store::{PruneOptions, Root, Spare, VerifyOptions};
use kukri_tree::{Meta, TreeId};

use crate::fixture::{TestStore, flat, is_root, new_store, tree};
use crate::overlay::show;
use crate::records::record;

const SIZE: usize = 3 << 20;

/// Bytes of all files below directories of a store, each inode once.
fn bytes(store: &TestStore, dirs: &[&str]) -> u64 {
    fn walk(dir: &Path, seen: &mut std::collections::HashMap<u64, u64>) {
        for entry in fs::read_dir(dir).unwrap() {
            let meta = entry.as_ref().unwrap().path().symlink_metadata().unwrap();
            if meta.is_dir() {
                walk(&entry.unwrap().path(), seen);
            } else {
                seen.insert(meta.ino(), meta.blocks() * 512);
            }
        }
    }
    let mut seen = std::collections::HashMap::new();
    dirs.iter().for_each(|dir| walk(&store.root().join(dir), &mut seen));
    seen.values().sum()
}

/// Writes a large file with a time of its own into an upper directory.
fn large(path: &Path) {
    large_at(path, 5);
}

fn large_at(path: &Path, seconds: u64) {
    fs::write(path, vec![b'y'; SIZE]).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// What a step does that fills its upper directory so.
fn step(store: &TestStore, base: &TreeId, name: &str, fill: impl FnOnce(&Path)) -> TreeId {
    // As for a step: without layers below, its upper directory does not become one.
    store.materialise(base).unwrap();
    let space = store.workspace(Some(base)).unwrap();
    fs::write(space.upper().join("name"), name).unwrap();
    fill(space.upper());
    let tree = store.commit_upper(base, space).unwrap();
    store.put_result(&Digest::of(name.as_bytes()), record(name, vec![Root::Tree(tree)])).unwrap();
    tree
}

/// The files are what the records say, for all that counts.
fn agree(store: &TestStore) {
    let report = store.verify(VerifyOptions { deep: true, repair: false }).unwrap();
    assert_eq!(report.problems, []);
    let files = bytes(store, &["layers", "objects", "packs"]);
    let counted = store.du(Spare::Grace).unwrap().total_bytes;
    assert!(files.abs_diff(counted) < 2 << 20, "{files} bytes on the disk, {counted} are counted");
}

fn lowers(store: &TestStore, tree: &TreeId) -> Vec<PathBuf> {
    store.materialise(tree).unwrap().lowers.clone()
}

#[test]
fn what_many_steps_write_is_there_once() {
    let store = new_store();
    let base = tree(&store, &[("etc/passwd", b"root"), ("usr/bin/", b"")]);
    let trees: Vec<TreeId> = (0..8)
        .map(|step_number| {
            step(&store, &base, &step_number.to_string(), |upper| {
                fs::create_dir(upper.join("out")).unwrap();
                large(&upper.join("out/f"));
                fs::hard_link(upper.join("out/f"), upper.join("g")).unwrap();
            })
        })
        .collect();
    agree(&store);
    assert!(bytes(&store, &["layers"]) < 4 << 20, "each layer has its own");
    for tree in &trees {
        let layer = &lowers(&store, tree)[0];
        let (f, g) = (layer.join("out/f").metadata().unwrap(), layer.join("g").metadata().unwrap());
        assert_eq!(f.ino(), g.ino());
        // The directory looks as the step left it.
        let node = kukri_tree::NodeReader::node(&store.store, &tree.stored).unwrap();
        let Some(kukri_tree::EntryKind::Dir(out)) = node.get(b"out").map(|entry| entry.kind.clone()) else {
            panic!("out is a directory")
        };
        let recorded = kukri_tree::NodeReader::node(&store.store, &out.stored).unwrap().meta.mtime_ns;
        let shown = layer.join("out").metadata().unwrap();
        assert_eq!(shown.mtime() * 1_000_000_000 + shown.mtime_nsec(), recorded);
    }
    // It goes with the last of them.
    store.prune(&PruneOptions { all: true, ..PruneOptions::default() }).unwrap();
    assert_eq!(bytes(&store, &["layers", "objects"]), 0);
}

/// As one inode, `cp -a` would make hard links of them.
#[test]
fn privileged_files_that_are_equal_by_chance_stay_two() {
    if !is_root("privileged_files_that_are_equal_by_chance_stay_two") {
        return;
    }
    let store = new_store();
    let base = step(&store, &tree(&store, &[("a", b"a")]), "base", |upper| large(&upper.join("f")));
    let copied = step(&store, &base, "copied", |upper| large(&upper.join("copy")));
    let both = step(&store, &tree(&store, &[("b", b"b")]), "both", |upper| {
        large(&upper.join("one"));
        large(&upper.join("two"));
    });
    for tree in [&copied, &both] {
        assert_eq!(show(&store, &lowers(&store, tree)), flat(&store, tree));
    }
    agree(&store);
}

#[test]
fn layers_of_images_share_as_well() {
    let store = new_store();
    let content = vec![b'y'; SIZE];
    let layer = |name: &str| {
        let meta = Meta { mtime_ns: 1_000_000_000, ..Meta::new(0o644) };
        let mut writer = store.layer_writer().unwrap();
        writer.add_file(b"lib/large", &meta, SIZE as u64, &mut &*content).unwrap();
        writer.add_hardlink(b"lib/link", b"lib/large").unwrap();
        writer.add_file(b"name", &meta, name.len() as u64, &mut name.as_bytes()).unwrap();
        writer.finish(None).unwrap()
    };
    let trees: Vec<TreeId> = ["one", "two", "three"].map(layer).to_vec();
    let inodes = trees.iter().flat_map(|tree| {
        let lib = lowers(&store, tree)[0].join("lib");
        ["large", "link"].map(|name| lib.join(name).metadata().unwrap().ino())
    });
    assert_eq!(inodes.collect::<std::collections::HashSet<_>>().len(), 1);
    for (name, tree) in ["one", "two", "three"].iter().zip(&trees) {
        store.put_result(&Digest::of(name.as_bytes()), record(name, vec![Root::Tree(*tree)])).unwrap();
    }
    agree(&store);
}

/// Equal contents with other times are files of their own: each goes with the last that needs it, and not all with the
/// last of all.
#[test]
fn equal_contents_go_one_by_one() {
    let store = new_store();
    let base = tree(&store, &[("etc/passwd", b"root")]);
    let trees: Vec<TreeId> = (0..6)
        .map(|time| step(&store, &base, &format!("step {time}"), |upper| large_at(&upper.join("f"), time)))
        .collect();
    let content = Digest::of(&vec![b'y'; SIZE]);
    let blob = Digest::of(b"blob");
    store.put_result(&blob, record("blob", vec![Root::Blob(content)])).unwrap();
    agree(&store);
    let room = 10 << 20;
    store.prune(&PruneOptions { max_bytes: Some(room), ..PruneOptions::default() }).unwrap();
    agree(&store);
    let left = bytes(&store, &["layers", "objects"]);
    assert!((5 << 20..room).contains(&left), "{left} bytes are left");
    let key = |time: usize| Digest::of(format!("step {time}").as_bytes());
    for (time, tree) in trees.iter().enumerate() {
        if store.get_result(&key(time)).unwrap().is_some() {
            assert!(flat(&store, tree).contains_key("/f"));
            assert!(lowers(&store, tree)[0].join("f").exists());
        }
    }
    // Whoever needs no more than the content has it, whatever its metadata were.
    store.put_result(&blob, record("blob", vec![Root::Blob(content)])).unwrap();
    let steps = PruneOptions { all: true, filter: Some("step".to_owned()), ..PruneOptions::default() };
    store.prune(&steps).unwrap();
    assert_eq!(bytes(&store, &["layers", "objects"]) >> 20, 3);
    assert_eq!(store.read_blob(&content).unwrap().len(), SIZE);
}

/// Steps that end at the same moment: the object of the first has no row yet when the others come.
#[test]
fn steps_at_the_same_time_share_as_well() {
    let store = new_store();
    let base = tree(&store, &[("etc/passwd", b"root")]);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, base) = (&store, &base);
            scope.spawn(move || step(store, base, &thread.to_string(), |upper| large(&upper.join("f"))));
        }
    });
    agree(&store);
    assert!(bytes(&store, &["layers"]) < 4 << 20, "each layer has its own");
}
