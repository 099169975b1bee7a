//! Collection, usage, verification.

use std::fs;
use std::time::Duration;

use kukri_model::Digest;
use kukri_store::{PruneOptions, Root, Spare, Store, VerifyOptions};
use kukri_tree::TreeId;

use crate::fixture::{TestStore, config, flat, is_root, new_store, tree};
use crate::records::record;

const ALL: PruneOptions = PruneOptions {
    all: true,
    max_bytes: None,
    reserved_bytes: 0,
    min_free_bytes: None,
    keep_duration: None,
    filter: None,
    volumes: false,
    spare_recent: false,
    spare: Spare::Grace,
    dry_run: false,
};
const DEEP: VerifyOptions = VerifyOptions { deep: true, repair: false };

fn sound(store: &Store) {
    let report = store.verify(DEEP).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.leftovers, 0);
}

/// A result with a tree of one small and one large file of its own, and one that all share.
fn result(store: &TestStore, name: &str) -> (Digest, TreeId) {
    let (small, large) = (name.as_bytes().repeat(100), name.as_bytes().repeat(20_000));
    let tree = tree(store, &[("small", &small), ("dir/large", &large), ("shared", &[b's'; 40_000])]);
    let key = Digest::of(name.as_bytes());
    store.put_result(&key, record(name, vec![Root::Tree(tree)])).unwrap();
    (key, tree)
}

#[test]
fn what_a_result_needs_stays_and_the_rest_goes() {
    let store = new_store();
    let (key, kept) = result(&store, "kept");
    let before = flat(&store, &kept);
    let loose = tree(&store, &[("loose", &[1; 100]), ("big", &[2; 100_000]), ("shared", &[b's'; 40_000])]);
    let blob = store.put_blob(&[3; 50_000]).unwrap();
    let dry = store.prune(&PruneOptions { dry_run: true, ..Default::default() }).unwrap();
    assert!(dry.dropped.is_empty() && store.has_nodes(&[loose.stored]).unwrap()[0]);
    let report = store.prune(&PruneOptions::default()).unwrap();
    assert_eq!((report.objects, report.packed, report.nodes, report.layers), (2, 1, 1, 0));
    assert_eq!(store.has_nodes(&[loose.stored, kept.stored]).unwrap(), [false, true]);
    assert_eq!(store.has_blobs(&[blob]).unwrap(), [false]);
    assert!(store.get_result(&key).unwrap().is_some());
    assert_eq!(flat(&store, &kept), before);
    sound(&store);
    assert_eq!(flat(&store.reopen(), &kept), before);
}

#[test]
fn the_budget_drops_what_was_used_longest_ago() {
    let store = new_store();
    let results: Vec<_> = ["a", "b", "c", "d"].map(|name| result(&store, &name.repeat(4))).into();
    // Times of use have seconds.
    std::thread::sleep(Duration::from_millis(1100));
    store.get_result(&results[0].0).unwrap();
    // The log of the index goes before any result.
    let limit = |less: u64| Some(store.space().unwrap().used - less);
    let report = store.prune(&PruneOptions { max_bytes: limit(1), ..Default::default() }).unwrap();
    assert_eq!(report.dropped, []);
    let options = PruneOptions { max_bytes: limit(100_000), dry_run: true, ..Default::default() };
    let dry = store.prune(&options).unwrap();
    let report = store.prune(&PruneOptions { dry_run: false, ..options }).unwrap();
    let labels = |report: &kukri_store::PruneReport| -> Vec<String> {
        report.dropped.iter().map(|dropped| dropped.entry.label.clone()).collect()
    };
    assert_eq!(labels(&dry), labels(&report));
    assert_eq!(labels(&report), ["cccc", "bbbb"]);
    assert!(report.dropped[0].reason.contains("size limit"), "{}", report.dropped[0].reason);
    assert!(store.get_result(&results[0].0).unwrap().is_some());
    assert!(store.get_result(&results[1].0).unwrap().is_none());
    sound(&store);
}

/// A dry run tells the same as the pruning that follows: results, what goes with them, and what nothing needed before.
#[test]
fn a_dry_run_and_the_real_one_agree() {
    let dir = tempfile::tempdir().unwrap();
    let config = kukri_store::StoreConfig { grace: Duration::from_secs(60), ..config(dir.path()) };
    let store = TestStore { store: Store::open(config).unwrap(), dir };
    let results: Vec<_> = ["a", "b", "c"].iter().map(|name| result(&store, name)).collect();
    tree(&store, &[("loose", &[1; 100]), ("big", &[2; 100_000])]);
    if std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0 {
        drop(store.materialise(&results[1].1).unwrap());
    }
    let told = |report: &kukri_store::PruneReport| {
        let labels: Vec<String> = report
            .dropped
            .iter()
            .map(|dropped| format!("{} {}", dropped.entry.label, dropped.entry.bytes))
            .collect();
        (labels, report.freed_bytes, report.nodes, report.packed, report.objects, report.layers)
    };
    let half = PruneOptions { max_bytes: Some(80_000), ..PruneOptions::default() };
    let mut freed = Vec::new();
    for options in [
        half.clone(),
        PruneOptions { spare: Spare::Nothing, ..half },
        ALL,
        PruneOptions { spare: Spare::Nothing, ..ALL },
    ] {
        let dry = store.prune(&PruneOptions { dry_run: true, ..options.clone() }).unwrap();
        let real = store.prune(&options).unwrap();
        assert_eq!(told(&dry), told(&real), "{options:?}");
        freed.push(real.freed_bytes);
    }
    // While what is new is spared nothing goes: to drop results would free nothing but their rows.
    assert_eq!((freed[0], freed[2]), (0, 0));
    assert!(freed[1] > 100_000 && freed[1] + freed[3] > 150_000, "{freed:?}");
    sound(&store);
}

/// Rows are all there is, and what they call reclaimable is what a prune of everything frees.
#[test]
fn usage_adds_up_and_tells_what_can_go() {
    let dir = tempfile::tempdir().unwrap();
    let config = kukri_store::StoreConfig { grace: Duration::from_secs(60), ..config(dir.path()) };
    let store = TestStore { store: Store::open(config).unwrap(), dir };
    let (_, leased) = result(&store, "leased");
    let _lease = store.lease(&leased);
    result(&store, "other");
    tree(&store, &[("loose", &[1; 100]), ("big", &[2; 100_000])]);
    let reclaimable = |usage: &kukri_store::Usage| {
        let all = [
            usage.packed,
            usage.objects,
            usage.nodes,
            usage.layers,
            usage.results,
            usage.volumes,
            usage.index,
        ];
        assert_eq!(all.iter().map(|kind| kind.bytes).sum::<u64>(), usage.total_bytes);
        assert!(all.iter().all(|kind| kind.reclaimable <= kind.bytes), "{usage:?}");
        assert_eq!(usage.entries.iter().map(|entry| entry.bytes).sum::<u64>(), usage.total_bytes);
        all.iter().map(|kind| kind.reclaimable).sum::<u64>()
    };
    for spare in [Spare::Grace, Spare::Nothing] {
        let usage = store.du(spare).unwrap();
        let dry = store.prune(&PruneOptions { dry_run: true, spare, ..ALL }).unwrap();
        assert_eq!(reclaimable(&usage), dry.freed_bytes);
        assert!(usage.index.bytes > 0 && usage.total_bytes >= 260_000, "{usage:?}");
        // The tree in use stays, and while what is new is spared everything.
        let expected = if spare == Spare::Nothing { 200_000 } else { 0 };
        assert_eq!(usage.objects.reclaimable, expected, "{usage:?}");
    }
    let real = store.prune(&PruneOptions { spare: Spare::Nothing, ..ALL }).unwrap();
    assert!(real.freed_bytes >= 200_000);
    assert_eq!(store.du(Spare::Nothing).unwrap().objects.reclaimable, 0);
}

#[test]
fn what_is_leased_or_mounted_stays() {
    let store = new_store();
    let (_, leased) = result(&store, "leased");
    let before = flat(&store, &leased);
    let lease = store.lease(&leased);
    store.prune(&ALL).unwrap();
    assert_eq!(flat(&store, &leased), before);
    drop(lease);
    if std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0 {
        let mounted = store.materialise(&leased).unwrap();
        let path = mounted.lowers[0].join("dir/large");
        store.prune(&ALL).unwrap();
        assert!(path.exists());
        assert_eq!(flat(&store, &leased), before);
        drop(mounted);
        store.prune(&ALL).unwrap();
        assert!(!path.exists());
    }
    store.prune(&ALL).unwrap();
    assert_eq!(store.has_nodes(&[leased.stored]).unwrap(), [false]);
    let usage = store.du(Spare::Nothing).unwrap();
    assert_eq!((usage.objects.count, usage.packed.count, usage.layers.count), (0, 0, 0));
}

#[test]
fn what_is_new_is_spared() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.grace = Duration::from_secs(60);
    let store = TestStore { store: Store::open(config).unwrap(), dir };
    let fresh = tree(&store, &[("a/b/c", b"fresh"), ("large", &[1; 50_000])]);
    let before = flat(&store, &fresh);
    store.prune(&ALL).unwrap();
    assert_eq!(flat(&store, &fresh), before);
    // After a restart nobody can refer to it any more, unless it is asked for.
    let store = store.reopen();
    assert!(store.has_nodes(&[fresh.stored]).unwrap()[0]);
    store.prune(&ALL).unwrap();
    assert!(!store.has_nodes(&[fresh.stored]).unwrap()[0], "the fixture has no time of grace");
}

#[test]
fn packs_that_are_mostly_empty_are_copied() {
    let store = new_store();
    let kept = tree(&store, &[("small", &[9; 500])]);
    store.put_result(&Digest::of(b"k"), record("k", vec![Root::Tree(kept)])).unwrap();
    // Two packs full of what nobody needs.
    for round in 0..2_u32 {
        let blobs = (0..2200_u32).map(|n| {
            let content = [round.to_le_bytes(), n.to_le_bytes()].concat().repeat(4000);
            (Digest::of(&content), content)
        });
        store.put_blobs(blobs.collect()).unwrap();
    }
    assert!(store.root().join("packs/2.pack").exists());
    let before = store.du(Spare::Nothing).unwrap().total_bytes;
    let dry = store.prune(&PruneOptions { dry_run: true, ..Default::default() }).unwrap();
    assert!(store.root().join("packs/1.pack").exists());
    let report = store.prune(&PruneOptions::default()).unwrap();
    assert!(!store.root().join("packs/1.pack").exists() && !store.root().join("packs/2.pack").exists());
    assert_eq!((dry.freed_bytes, dry.packed, dry.nodes), (report.freed_bytes, report.packed, report.nodes));
    assert_eq!(report.packed, 4400);
    assert!(report.freed_bytes > 60 << 20 && store.du(Spare::Nothing).unwrap().total_bytes < before);
    assert_eq!(flat(&store, &kept).len(), 2);
    sound(&store);
}

#[test]
fn collecting_beside_work_loses_nothing() {
    let store = new_store();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                store.prune(&PruneOptions::default()).unwrap();
            }
        });
        for round in 0..60 {
            let (key, tree) = loop {
                // A collection may take what no result names yet (there is no time of grace): then it is made again.
                let (key, tree) = result(&store, &format!("round {round}"));
                if store.get_result(&key).unwrap().is_some() && complete(&store, &tree) {
                    break (key, tree);
                }
            };
            store.prune(&PruneOptions::default()).unwrap();
            assert!(complete(&store, &tree), "round {round}: {key}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let report = store.verify(VerifyOptions { deep: true, repair: true }).unwrap();
    assert!(report.problems.iter().all(|problem| problem.kind == "result"), "{:?}", report.problems);
    sound(&store);
}

fn complete(store: &Store, tree: &TreeId) -> bool {
    use kukri_tree::{EntryKind, NodeReader as _};
    let Ok(node) = store.node(&tree.stored) else { return false };
    store.has_nodes(&[tree.stored]).unwrap()[0]
        && node.entries.iter().all(|entry| match &entry.kind {
            EntryKind::Dir(id) => complete(store, id),
            EntryKind::File { blob, .. } => store.read_blob(blob).is_ok(),
            _ => true,
        })
}

/// Whoever writes while all is checked does no damage. Among many packs it takes long to look how large they are.
#[test]
fn what_is_being_written_is_sound() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let store = new_store();
    store.put_blob(&[1; 200]).unwrap();
    let packs: Vec<_> = crate::blobs::walk(&store.root().join("packs"));
    for number in 1..3_000 {
        fs::write(packs[0].with_file_name(format!("{}.pack", 1_000 + number)), "").unwrap();
    }
    let stop = AtomicBool::new(false);
    let found = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = 0_u32..;
            while !stop.load(Ordering::Relaxed) {
                store.put_blob(&numbers.next().unwrap().to_be_bytes().repeat(50)).unwrap();
            }
        });
        let verify = |_| store.verify(VerifyOptions::default()).unwrap().problems;
        let found = (0..8).map(verify).find(|problems| !problems.is_empty());
        stop.store(true, Ordering::Relaxed);
        found
    });
    assert_eq!(found, None);
}

#[test]
fn an_empty_tree_lacks_nothing() {
    let store = new_store();
    // Nobody has stored it: it is known without.
    let tree = kukri_tree::Node::empty().id();
    let key = Digest::of(b"empty");
    store.put_result(&key, record("empty", vec![Root::Tree(tree)])).unwrap();
    sound(&store);
    store.verify(VerifyOptions { deep: true, repair: true }).unwrap();
    assert!(store.get_result(&key).unwrap().is_some());
}

#[test]
fn damage_is_found_and_repaired() {
    let store = new_store();
    let (key, tree) = result(&store, "one");
    sound(&store);
    for object in crate::blobs::walk(&store.root().join("objects")) {
        let mut bytes = fs::read(&object).unwrap();
        bytes[77] ^= 1;
        fs::write(&object, bytes).unwrap();
    }
    assert_eq!(store.verify(VerifyOptions::default()).unwrap().problems, [], "lengths are right");
    let found = store.verify(DEEP).unwrap().problems;
    assert_eq!(found.iter().map(|problem| problem.kind).collect::<Vec<_>>(), ["object", "object"]);
    let repaired = store.verify(VerifyOptions { deep: true, repair: true }).unwrap().problems;
    assert!(repaired.iter().all(|problem| problem.repaired));
    assert_eq!(repaired.last().unwrap().kind, "result", "what lacks a content counts as a miss");
    sound(&store);
    assert_eq!(store.get_result(&key).unwrap(), None);
    let (_, again) = result(&store, "one");
    assert_eq!(again, tree);
    flat(&store, &tree);
}

/// A file of a layer is the same file as the object: it is damaged with it, and has to be made again as well.
#[test]
fn privileged_layers_are_repaired_with_their_objects() {
    if !is_root("privileged_layers_are_repaired_with_their_objects") {
        return;
    }
    for options in [Some(VerifyOptions { deep: true, repair: true }), None] {
        let store = new_store();
        let (_, made) = result(&store, "one");
        let large = |store: &Store| {
            Digest::of(&fs::read(store.materialise(&made).unwrap().lowers[0].join("dir/large")).unwrap())
        };
        let sound = large(&store);
        for object in crate::blobs::walk(&store.root().join("objects")) {
            let mut bytes = fs::read(&object).unwrap();
            bytes[77] ^= 1;
            fs::write(&object, bytes).unwrap();
        }
        assert_ne!(large(&store), sound, "one file with two names");
        match options {
            Some(options) => assert!(!store.verify(options).unwrap().problems.is_empty()),
            // Found when it is read.
            None => {
                for content in [b"one".repeat(20_000), vec![b's'; 40_000]] {
                    store.read_blob(&Digest::of(&content)).unwrap_err();
                }
            }
        }
        result(&store, "one");
        assert_eq!(large(&store), sound);
        assert_eq!(store.verify(DEEP).unwrap().problems, []);
    }
}

#[test]
fn volumes_go_only_when_asked_for() {
    let store = new_store();
    fs::write(store.volume("a", "cache a").unwrap().path().join("x"), [0; 10_000]).unwrap();
    let used = store.volume("b", "cache b").unwrap();
    store.prune(&ALL).unwrap();
    assert_eq!(store.list_volumes().unwrap().len(), 2);
    assert!(store.du(Spare::Nothing).unwrap().volumes.bytes >= 10_000);
    let report =
        store.prune(&PruneOptions { volumes: true, filter: Some("nothing".to_owned()), ..ALL }).unwrap();
    assert!(report.dropped.is_empty());
    let report = store.prune(&PruneOptions { volumes: true, ..ALL }).unwrap();
    assert_eq!(report.dropped.len(), 1);
    assert_eq!(store.list_volumes().unwrap()[0].key, "b");
    drop(used);
}

/// A limit holds for all there is: the index, and gaps in packs, are in the sizes that are told.
#[test]
fn what_is_reserved_is_not_undercut() {
    let store = new_store();
    for n in 0..10_u8 {
        let tree = tree(&store, &[("large", &[n; 100_000])]);
        store.put_result(&Digest::of(&[n]), record(&n.to_string(), vec![Root::Tree(tree)])).unwrap();
    }
    for reserved_bytes in [750_000, 350_000] {
        let max_bytes = Some(reserved_bytes);
        let options = PruneOptions { max_bytes, reserved_bytes, ..PruneOptions::default() };
        let dry = store.prune(&PruneOptions { dry_run: true, ..options.clone() }).unwrap();
        let real = store.prune(&options).unwrap();
        assert_eq!(dry.dropped, real.dropped);
        let is_left = |n: &u8| store.get_result(&Digest::of(&[*n])).unwrap().is_some();
        let large = (0..10).filter(is_left).count() as u64 * 100_000;
        assert_eq!(large, reserved_bytes + 50_000, "one more than fit");
        assert!(real.kept_bytes >= reserved_bytes);
    }
}

#[test]
fn a_limit_is_reached_where_that_is_possible() {
    let store = new_store();
    // What no prune drops.
    for n in 0..60_u64 {
        store.put_calls(vec![(Digest::of(&n.to_le_bytes()), n.to_le_bytes().repeat(5_000))]).unwrap();
    }
    let keys: Vec<Digest> = (0..20_u8)
        .map(|n| {
            // Large and small contents.
            let tree = tree(&store, &[("large", &[n; 100_000]), ("small", &[n + 100; 10_000])]);
            let key = Digest::of(&[n]);
            store.put_result(&key, record(&n.to_string(), vec![Root::Tree(tree)])).unwrap();
            key
        })
        .collect();
    // The log of the index goes first.
    let used = || store.space().unwrap().used;
    store.prune(&PruneOptions { max_bytes: Some(used() - 1), ..PruneOptions::default() }).unwrap();
    let before = used();
    for max in [before - 300_000, before - 1_500_000] {
        let options = PruneOptions { max_bytes: Some(max), ..PruneOptions::default() };
        let dry = store.prune(&PruneOptions { dry_run: true, ..options.clone() }).unwrap();
        let real = store.prune(&options).unwrap();
        assert_eq!((dry.freed_bytes, &dry.dropped), (real.freed_bytes, &real.dropped));
        assert!(used() <= max && used() > max - 200_000, "{} of {max}, {before} before", used());
    }
    assert!(store.get_result(&keys[19]).unwrap().is_some());
    assert!(store.get_result(&keys[0]).unwrap().is_none());
    sound(&store);
}

/// Pages of the index that hold nothing are given back, all of them.
#[test]
fn the_index_gets_shorter() {
    let store = new_store();
    for n in 0..100_u8 {
        let long = kukri_store::ResultRecord { value: vec![n; 100_000], ..record("long", vec![]) };
        store.put_result(&Digest::of(&[n]), long).unwrap();
    }
    let store = store.reopen();
    assert!(store.space().unwrap().used > 10_000_000);
    store.prune(&PruneOptions { spare: Spare::Nothing, ..ALL }).unwrap();
    let used = store.space().unwrap().used;
    assert!(used < 500_000, "{used}");
}

/// Also what refers to nothing takes room.
#[test]
fn a_limit_of_nothing_leaves_nothing() {
    let store = new_store();
    for name in ["a", "b"] {
        store.put_result(&Digest::of(name.as_bytes()), record(name, vec![])).unwrap();
    }
    let options = PruneOptions { max_bytes: Some(0), ..PruneOptions::default() };
    assert_eq!(store.prune(&options).unwrap().dropped.len(), 2);
}

#[test]
fn gc_keeps_within_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    (config.max_bytes, config.min_free_bytes) = (Some(1), Some(0));
    let store = TestStore { store: Store::open(config).unwrap(), dir };
    let (first, _) = result(&store, "first");
    let report = store.gc(Spare::Nothing).unwrap();
    assert_eq!(report.dropped.len(), 1);
    assert!(store.get_result(&first).unwrap().is_none());
    assert_eq!(store.gc(Spare::Nothing).unwrap().dropped, []);
}

/// The limits hold also for who does much within the time of grace.
#[test]
fn gc_takes_what_was_used_lately_where_there_is_not_enough_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.grace = std::time::Duration::from_secs(3600);
    (config.max_bytes, config.min_free_bytes) = (Some(1_200_000), Some(0));
    let store = TestStore { store: Store::open(config).unwrap(), dir };
    let content = |seed: u8| vec![seed; 400_000];
    let mut keys = Vec::new();
    for seed in 0..3 {
        let blob = store.put_blob(&content(seed)).unwrap();
        let key = Digest::of(&[seed]);
        store.put_result(&key, record("large", vec![Root::Blob(blob)])).unwrap();
        keys.push(key);
    }
    assert!(store.space().unwrap().is_over());
    std::thread::sleep(Duration::from_millis(5));
    let began = std::time::Instant::now();
    // Somebody who is there uses the first; the others were used before.
    assert!(store.get_result(&keys[0]).unwrap().is_some());
    let report = store.gc(Spare::Since(began)).unwrap();
    assert_eq!(report.dropped.len(), 1, "one is enough: {report:?}");
    assert!(store.get_result(&keys[0]).unwrap().is_some());
    assert!(!store.space().unwrap().is_over());
    assert_eq!(store.gc(Spare::Nothing).unwrap().dropped, []);
}

/// Where other data has filled the disk, dropping what is in use would cost work and free nothing.
#[test]
fn gc_spares_what_was_used_lately() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.grace = std::time::Duration::from_secs(3600);
    (config.max_bytes, config.min_free_bytes) = (None, Some(u64::MAX / 2));
    let store = TestStore { store: Store::open(config.clone()).unwrap(), dir };
    let (first, _) = result(&store, "first");
    let TestStore { store, dir } = store;
    drop(store);
    // A new process has not asked for anything yet.
    let store = TestStore { store: Store::open(config).unwrap(), dir };
    assert_eq!(store.gc(Spare::Nothing).unwrap().dropped, []);
    assert!(store.get_result(&first).unwrap().is_some());
    let pruned = store.prune(&PruneOptions {
        min_free_bytes: Some(u64::MAX / 2),
        spare: Spare::Nothing,
        ..Default::default()
    });
    assert_eq!(pruned.unwrap().dropped.len(), 1, "who asks for it gets it");
}
