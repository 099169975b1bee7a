//! What a collection that is asked for everything leaves: what running work uses, and what those who are connected have
//! touched. Measured on the disk as well.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kukri_model::Digest;
use kukri_store::{PruneOptions, Root, Spare, Store, StoreConfig};
use kukri_tree::TreeId;

use crate::fixture::{TestStore, config, flat, tree};
use crate::records::record;

fn store() -> TestStore {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig { grace: Duration::from_secs(3600), ..config(dir.path()) };
    TestStore { store: Store::open(config).unwrap(), dir }
}

fn everything(spare: Spare) -> PruneOptions {
    PruneOptions { all: true, spare, ..PruneOptions::default() }
}

fn key(name: &str) -> Digest {
    Digest::of(format!("key of {name}").as_bytes())
}

/// A result with a file of a megabyte.
fn result(store: &TestStore, name: &str) -> (Digest, TreeId) {
    let large: Vec<u8> = name.bytes().cycle().take(1 << 20).collect();
    let tree = tree(store, &[("below/large", &large), ("small", name.as_bytes())]);
    let key = key(name);
    let output = store.put_blob(format!("output of {name}").as_bytes()).unwrap();
    store.put_result(&key, record(name, vec![Root::Tree(tree), Root::Blob(output)])).unwrap();
    (key, tree)
}

/// A moment that is later than all that happened, and earlier than all that comes.
fn moment() -> Instant {
    thread::sleep(Duration::from_millis(5));
    let now = Instant::now();
    thread::sleep(Duration::from_millis(5));
    now
}

/// Megabytes that large contents have on the disk.
fn megabytes(store: &Store) -> u64 {
    fn blocks(dir: &Path) -> u64 {
        let below = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.unwrap();
            if entry.path().is_dir() {
                blocks(&entry.path())
            } else {
                entry.metadata().unwrap().blocks() * 512
            }
        };
        dir.read_dir().unwrap().map(below).sum()
    }
    blocks(&store.root().join("objects")) >> 20
}

fn dropped(store: &Store, options: &PruneOptions) -> Vec<String> {
    let mut labels: Vec<String> =
        store.prune(options).unwrap().dropped.into_iter().map(|dropped| dropped.entry.label).collect();
    labels.sort();
    labels
}

#[test]
fn what_nobody_who_is_connected_has_touched_goes() {
    let store = store();
    let (old, _) = result(&store, "old");
    let (used, used_tree) = result(&store, "used");
    let (_, remembered_tree) = result(&store, "remembered");
    let (_, twin_tree) = result(&store, "twin");
    let began = moment();
    let _stay = store.stay();
    let (new, new_tree) = result(&store, "new");
    store.get_result(&used).unwrap().unwrap();
    let remembered = [Root::Tree(remembered_tree), Root::Blob(Digest::of(b"output of remembered"))];
    store.remind(&[], &remembered, true).unwrap();
    // A tree that is touched keeps its bytes; a result goes that needs more than that.
    store.has_nodes(&[twin_tree.stored]).unwrap();
    let before: Vec<_> =
        [used_tree, remembered_tree, twin_tree, new_tree].iter().map(|t| flat(&store, t)).collect();
    assert_eq!(megabytes(&store), 5);
    let options = everything(Spare::Since(began));
    let reclaimable: u64 = {
        let usage = store.du(options.spare).unwrap();
        assert_eq!(usage.entries.iter().map(|entry| entry.bytes).sum::<u64>(), usage.total_bytes);
        assert!((1 << 20..2 << 20).contains(&usage.objects.reclaimable), "{usage:?}");
        [usage.packed, usage.objects, usage.nodes, usage.layers, usage.results]
            .iter()
            .map(|kind| kind.reclaimable)
            .sum()
    };
    let dry = store.prune(&PruneOptions { dry_run: true, ..options.clone() }).unwrap();
    assert_eq!(dry.freed_bytes, reclaimable);
    assert_eq!(dropped(&store, &options), ["old", "twin"]);
    assert_eq!(megabytes(&store), 4);
    let after: Vec<_> =
        [used_tree, remembered_tree, twin_tree, new_tree].iter().map(|t| flat(&store, t)).collect();
    assert_eq!(before, after);
    assert_eq!(store.get_result(&old).unwrap(), None);
    for key in [new, used, key("remembered")] {
        assert!(store.get_result(&key).unwrap().is_some());
    }
    // For who came later nobody has touched these.
    assert_eq!(dropped(&store, &everything(Spare::Since(moment()))), ["new", "remembered", "used"]);
    assert_eq!(megabytes(&store), 0);
    let usage = store.du(Spare::Nothing).unwrap();
    assert_eq!((usage.objects.count, usage.nodes.count, usage.results.count), (0, 0, 0));
    let [rest] = &usage.entries[..] else { panic!("{:?}", usage.entries) };
    assert!(rest.in_use && rest.bytes == usage.total_bytes && rest.label.contains("index"));
}

/// Limits count what is spared, and never take it.
#[test]
fn limits_spare_it_as_well() {
    let store = store();
    for name in ["a", "b", "c"] {
        result(&store, name);
    }
    let began = moment();
    store.get_result(&key("a")).unwrap().unwrap();
    for (max_bytes, expected) in [(10 << 20, &[][..]), (5 << 19, &["b"]), (1000, &["c"]), (0, &[])] {
        let options = PruneOptions {
            max_bytes: Some(max_bytes),
            spare: Spare::Since(began),
            ..PruneOptions::default()
        };
        assert_eq!(dropped(&store, &options), expected, "{max_bytes}");
    }
    assert_eq!(megabytes(&store), 1);
    assert!(store.get_result(&key("a")).unwrap().is_some());
}

#[test]
fn what_running_work_uses_stays_with_its_record() {
    let store = store();
    let (key, used) = result(&store, "used");
    result(&store, "other");
    let before = flat(&store, &used);
    let lease = store.lease(&used);
    let usage = store.du(Spare::Nothing).unwrap();
    let in_use = |label: &str| usage.entries.iter().find(|entry| entry.label == label).unwrap().in_use;
    assert!(in_use("used") && !in_use("other"));
    for options in
        [everything(Spare::Nothing), PruneOptions { max_bytes: Some(0), ..everything(Spare::Nothing) }]
    {
        let options = PruneOptions { keep_duration: Some(Duration::ZERO), ..options };
        store.prune(&options).unwrap();
        assert_eq!(flat(&store, &used), before);
        // Also what the record needs beside the tree.
        assert!(store.get_result(&key).unwrap().is_some());
        assert_eq!(store.read_blob(&Digest::of(b"output of used")).unwrap(), b"output of used");
        assert_eq!(megabytes(&store), 1);
    }
    drop(lease);
    assert_eq!(dropped(&store, &everything(Spare::Nothing)), ["used"]);
    assert_eq!(megabytes(&store), 0);
}

/// Who remembers a result is told whether something was deleted since, and otherwise can rely on it.
#[test]
fn what_is_remembered_stays_or_is_known_to_be_gone() {
    let store = store();
    let (key, tree) = result(&store, "remembered");
    let roots = [Root::Tree(tree), Root::Blob(Digest::of(b"output of remembered"))];
    let known = store.remind(&[key], &roots, false).unwrap();
    store.prune(&everything(Spare::Grace)).unwrap();
    assert_eq!(store.remind(&[key], &roots, true), Some(known), "nothing was deleted");
    assert!(store.get_result(&key).unwrap().is_some());
    store.prune(&everything(Spare::Nothing)).unwrap();
    assert!(store.remind(&[key], &roots, true).unwrap() > known);
    assert_eq!(store.get_result(&key).unwrap(), None);
}

/// Results go after the time that somebody has set, also where that is shorter than the time of grace; not what those have
/// who are connected.
#[test]
fn a_short_time_to_keep_holds() {
    let dir = tempfile::tempdir().unwrap();
    let keep_duration = Some(Duration::from_secs(1));
    let config = StoreConfig { grace: Duration::from_secs(3600), keep_duration, ..config(dir.path()) };
    let store = TestStore { store: Store::open(config).unwrap(), dir };
    let gone = |live: Spare| {
        let dropped = store.gc(live).unwrap().dropped;
        dropped.into_iter().map(|dropped| dropped.entry.label).collect::<Vec<_>>()
    };
    result(&store, "old");
    let began = moment();
    result(&store, "of a client");
    thread::sleep(Duration::from_millis(2500));
    result(&store, "new");
    assert_eq!(gone(Spare::Since(began)), ["old"]);
    assert_eq!(gone(Spare::Since(moment())), ["of a client"]);
    assert_eq!(megabytes(&store), 1);
}

#[test]
fn a_check_is_no_use() {
    let store = store();
    result(&store, "checked");
    let began = moment();
    store.verify(kukri_store::VerifyOptions { deep: true, repair: false }).unwrap();
    store.du(Spare::Since(began)).unwrap();
    assert_eq!(dropped(&store, &everything(Spare::Since(began))), ["checked"]);
    assert_eq!(megabytes(&store), 0);
}
