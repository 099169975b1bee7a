//! Collecting beside work: what somebody was told to be there stays.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use kukri_model::Digest;
use kukri_store::{PruneOptions, Store, StoreConfig};
use kukri_tree::{Entry, EntryKind, Meta, Node, NodeReader};

use crate::fixture::{TestStore, config};

fn store_with_grace(grace: Duration) -> TestStore {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig { grace, ..config(dir.path()) };
    TestStore { store: Store::open(config).unwrap(), dir }
}

/// A directory like no other.
fn node(name: &str) -> (Digest, Vec<u8>) {
    let mut node = Node::empty();
    let kind = EntryKind::Symlink { meta: Meta::new(0o777), target: b"nowhere"[..].into() };
    node.set(Entry { name: name.as_bytes().into(), kind });
    let (id, bytes) = node.seal();
    (id.stored, bytes)
}

/// A collection begins at any moment, also while something is on its way to the index.
#[test]
fn what_is_written_when_a_collection_begins_stays() {
    const WRITERS: usize = 2;
    const EACH: usize = 2_000;
    let store = store_with_grace(Duration::from_secs(3600));
    let nodes: Vec<_> = (0..WRITERS * EACH).map(|number| node(&number.to_string())).collect();
    let running = AtomicUsize::new(WRITERS);
    thread::scope(|scope| {
        for part in nodes.chunks(EACH) {
            let (store, running) = (&store, &running);
            scope.spawn(move || {
                part.iter().for_each(|node| store.put_nodes(vec![node.clone()]).unwrap());
                running.fetch_sub(1, Ordering::Relaxed);
            });
        }
        while running.load(Ordering::Relaxed) > 0 {
            store.prune(&PruneOptions::default()).unwrap();
        }
    });
    let lost = nodes.iter().filter(|(digest, _)| store.node(digest).is_err()).count();
    assert_eq!(lost, 0, "of {}", nodes.len());
}

/// Who asks while old things are deleted is told the truth: what is said to be there is not deleted a moment later.
#[test]
fn what_is_said_to_be_there_while_a_collection_runs_stays() {
    let grace = Duration::from_millis(300);
    let store = store_with_grace(grace);
    for round in 0..3 {
        let nodes: Vec<_> = (0..20_000).map(|number| node(&format!("{round}.{number}"))).collect();
        let digests: Vec<Digest> = nodes.iter().map(|(digest, _)| *digest).collect();
        store.put_nodes(nodes).unwrap();
        thread::sleep(grace * 2 + grace / 4);
        let done = AtomicBool::new(false);
        let there = thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut there = HashSet::new();
                // Over all of them in large strides, so that some are asked for when their turn comes to be deleted.
                let mut at = 0;
                while !done.load(Ordering::Relaxed) {
                    at = (at + 7919) % digests.len();
                    if store.has_nodes(&[digests[at]]).unwrap()[0] {
                        there.insert(digests[at]);
                    }
                }
                there
            });
            let report = store.prune(&PruneOptions::default()).unwrap();
            done.store(true, Ordering::Relaxed);
            assert!(report.nodes > 0);
            asking.join().unwrap()
        });
        let lost = there.iter().filter(|digest| store.node(digest).is_err()).count();
        assert_eq!(lost, 0, "of {}", there.len());
    }
}

/// The same for what lies below: who is told that a directory is there does not look what is in it.
#[test]
fn what_is_said_to_be_there_while_a_collection_runs_is_whole() {
    // Longer than a collection takes, on a busy machine too.
    let grace = Duration::from_secs(2);
    let store = store_with_grace(grace);
    let below: Vec<_> = (0..10_000).map(|number| node(&number.to_string())).collect();
    let above: Vec<_> = below
        .iter()
        .map(|(child, bytes)| {
            let mut node = Node::empty();
            let child = Node::decode(child, bytes).unwrap().id();
            node.set(Entry { name: b"below"[..].into(), kind: EntryKind::Dir(child) });
            let (id, bytes) = node.seal();
            (id.stored, bytes)
        })
        .collect();
    let pairs: Vec<_> = above.iter().zip(&below).map(|((above, _), (below, _))| (*above, *below)).collect();
    store.put_nodes(below).unwrap();
    store.put_nodes(above).unwrap();
    thread::sleep(grace * 2);
    let done = AtomicBool::new(false);
    let there = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut there, mut at) = (HashSet::new(), 0);
            while !done.load(Ordering::Relaxed) {
                at = (at + 7919) % pairs.len();
                if store.has_nodes(&[pairs[at].0]).unwrap()[0] {
                    there.insert(pairs[at]);
                }
            }
            there
        });
        let report = store.prune(&PruneOptions::default()).unwrap();
        done.store(true, Ordering::Relaxed);
        assert!(report.nodes > 0);
        asking.join().unwrap()
    });
    let broken = there
        .iter()
        .filter(|(above, below)| store.node(above).is_err() || store.node(below).is_err())
        .count();
    assert_eq!(broken, 0, "of {}", there.len());
}

/// A pipeline may take longer than the time of grace.
#[test]
fn time_does_not_pass_while_somebody_stays() {
    let grace = Duration::from_millis(100);
    let store = store_with_grace(grace);
    let stay = store.stay();
    let (digest, bytes) = node("used at the beginning and at the end");
    store.put_nodes(vec![(digest, bytes)]).unwrap();
    let collect_later = || {
        thread::sleep(grace * 3);
        store.prune(&PruneOptions::default()).unwrap();
        store.node(&digest).is_ok()
    };
    assert!(collect_later());
    let other = store.stay();
    drop(stay);
    assert!(collect_later(), "somebody else does");
    drop(other);
    store.prune(&PruneOptions::default()).unwrap();
    assert!(store.node(&digest).is_ok(), "only now it begins to pass");
    thread::sleep(grace * 2);
    store.prune(&PruneOptions::default()).unwrap();
    assert!(store.node(&digest).is_err());
}
