//! Results, calls, volumes.

use std::fs;
use std::time::{Duration, SystemTime};

use kukri_model::Digest;
use kukri_store::{ResultRecord, Root, Store, StoreError};

use crate::fixture::{new_store, tree};

pub fn record(label: &str, roots: Vec<Root>) -> ResultRecord {
    ResultRecord {
        value: label.as_bytes().to_vec(),
        roots,
        label: label.to_owned(),
        slot: Digest::of(b"slot"),
        inputs: vec![("source".to_owned(), Digest::of(label.as_bytes()))],
        cost_ms: 12,
        created: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    }
}

#[test]
fn results_survive_a_restart() {
    let store = new_store();
    let key = Digest::of(b"key");
    assert_eq!(store.get_result(&key).unwrap(), None);
    store.put_result(&key, record("first", vec![])).unwrap();
    store.put_result(&key, record("second", vec![])).unwrap();
    let store = store.reopen();
    assert_eq!(store.get_result(&key).unwrap(), Some(b"second".to_vec()));
    assert!(store.forget_result(&key).unwrap());
    assert!(!store.forget_result(&key).unwrap());
    assert_eq!(store.get_result(&key).unwrap(), None);
}

#[test]
fn nearest_gives_the_newest_first() {
    let store = new_store();
    for n in 0..20_u64 {
        let mut record = record(&format!("run {n}"), vec![]);
        record.created += Duration::from_secs(n);
        store.put_result(&Digest::of(&n.to_le_bytes()), record).unwrap();
    }
    let nearest = store.nearest(&Digest::of(b"slot"), &[], 16).unwrap();
    assert_eq!(nearest.len(), 16);
    assert_eq!(nearest[0].label, "run 19");
    assert_eq!(nearest[0].key, Digest::of(&19_u64.to_le_bytes()));
    assert_eq!(nearest[0].inputs, vec![("source".to_owned(), Digest::of(b"run 19"))]);
    assert!(store.nearest(&Digest::of(b"other"), &[], 16).unwrap().is_empty());
}

#[test]
fn nearest_does_not_lose_the_most_alike_among_many() {
    let store = new_store();
    let inputs = |row: u64, source: &str| {
        vec![
            ("variant".to_owned(), Digest::of(&row.to_le_bytes())),
            ("user".to_owned(), Digest::of(b"root")),
            ("source".to_owned(), Digest::of(source.as_bytes())),
        ]
    };
    for n in 0..40_u64 {
        let mut record = ResultRecord { inputs: inputs(n, "before"), ..record(&format!("run {n}"), vec![]) };
        record.created += Duration::from_secs(n);
        store.put_result(&Digest::of(&n.to_le_bytes()), record).unwrap();
    }
    let mut shorter = inputs(3, "after");
    shorter.remove(1);
    for wanted in [inputs(3, "after"), inputs(3, "before"), shorter] {
        let nearest = store.nearest(&Digest::of(b"slot"), &wanted, 4).unwrap();
        assert_eq!(nearest.len(), 4);
        assert!(nearest.iter().any(|run| run.label == "run 3"), "{nearest:?}");
        assert!(nearest.is_sorted_by_key(|run| std::cmp::Reverse(run.created)));
    }
}

#[test]
fn a_result_whose_tree_is_gone_is_a_miss() {
    let store = new_store();
    let (good, key) = (tree(&store, &[("a", b"1")]), Digest::of(b"key"));
    store.put_result(&key, record("good", vec![Root::Tree(good)])).unwrap();
    assert!(store.get_result(&key).unwrap().is_some());
    let gone = kukri_tree::TreeId { stored: Digest::of(b"gone"), ..good };
    for root in [Root::Tree(gone), Root::Blob(Digest::of(b"gone"))] {
        store.put_result(&key, record("bad", vec![root])).unwrap();
        assert_eq!(store.get_result(&key).unwrap(), None);
    }
}

#[test]
fn calls_survive_a_restart() {
    let store = new_store();
    let calls: Vec<_> = (0..100_u8).map(|n| (Digest::of(&[n]), vec![n; 50])).collect();
    store.put_calls(calls.clone()).unwrap();
    store.put_calls(calls.clone()).unwrap();
    let store = store.reopen();
    for (digest, bytes) in calls {
        let found = store.get_calls(&digest, 0).unwrap();
        assert_eq!(
            found.iter().map(|call| (call.digest, &call.bytes)).collect::<Vec<_>>(),
            [(digest, &bytes)]
        );
    }
    assert_eq!(store.get_calls(&Digest::of(b"none"), 9).unwrap(), []);
}

#[test]
fn calls_come_with_those_stored_before_them() {
    let store = new_store();
    let calls: Vec<_> = (0..10_u8).map(|n| (Digest::of(&[n]), vec![n; 50])).collect();
    for call in calls.clone() {
        store.put_calls(vec![call]).unwrap();
    }
    let found = |number: usize, ahead| -> Vec<u8> {
        let found = store.get_calls(&calls[number].0, ahead).unwrap();
        found.iter().map(|call| call.bytes[0]).collect()
    };
    assert_eq!(found(7, 3), [7, 6, 5, 4]);
    assert_eq!(found(1, 100), [1, 0]);
    // A call that is stored again is replaced where it is.
    store.put_calls(vec![(calls[5].0, vec![77])]).unwrap();
    assert_eq!(found(6, 2), [6, 77, 4]);
    store.add_call(&calls[5].0, &[99]).unwrap();
    assert_eq!(found(6, 1), [6, 77]);
    store.add_call(&Digest::of(b"more"), &[88]).unwrap();
    assert_eq!(store.get_calls(&Digest::of(b"more"), 1).unwrap()[0].bytes, [88]);
    // However many are asked for, memory is bounded.
    let large = |n: u8| (Digest::of(&[n]), vec![n; 400_000]);
    store.put_calls((100..120).map(large).collect()).unwrap();
    assert_eq!(store.get_calls(&large(119).0, 1000).unwrap().len(), 3);
}

/// Those that are long take another way into the index.
#[test]
fn long_calls_are_there_at_once_and_after_a_death() {
    let long: Vec<_> = (0..4_u8).map(|n| (Digest::of(&[n]), vec![n; 20_000])).collect();
    let bytes = |store: &Store, digest| store.get_calls(digest, 0).unwrap().pop().map(|call| call.bytes);
    let appended = || {
        let store = new_store();
        for (digest, content) in &long {
            store.add_call(digest, content).unwrap();
            store.add_call(digest, &[9; 20_000]).unwrap();
            assert_eq!(bytes(&store, digest).as_ref(), Some(content));
        }
        let left = fs::read(store.root().join("calls.journal")).unwrap();
        (store, left)
    };
    // On a machine that is busy the caretaker may be faster, but not each time.
    let mut tries = (0..50).map(|_| appended());
    let (store, left) = tries.find(|(_, left)| left.len() > 4 * 20_000).unwrap();
    let journal = store.root().join("calls.journal");
    // What replaces one is found instead, and stays.
    store.put_calls(vec![(long[1].0, vec![77; 20_000])]).unwrap();
    assert_eq!(bytes(&store, &long[1].0), Some(vec![77; 20_000]));
    // An engine that dies leaves the journal as it is.
    let store = store.reopen_after(|_| fs::write(&journal, &left[..left.len() - 1]).unwrap());
    assert_eq!(bytes(&store, &long[0].0).as_ref(), Some(&long[0].1));
    store.forget_calls(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(journal.metadata().unwrap().len(), 0);
    assert_eq!(bytes(&store, &long[1].0), Some(vec![77; 20_000]));
    assert_eq!(bytes(&store, &long[2].0).as_ref(), Some(&long[2].1));
    assert_eq!(bytes(&store, &long[3].0), None, "it was cut");
    // They are forgotten as all others are.
    store.add_call(&long[3].0, &long[3].1).unwrap();
    store.forget_calls(SystemTime::now() + Duration::from_secs(2)).unwrap();
    assert!(long.iter().all(|(digest, _)| bytes(&store, digest).is_none()));
    // The caretaker moves them when nobody adds any.
    store.add_call(&long[3].0, &long[3].1).unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while journal.metadata().unwrap().len() > 0 {
        assert!(std::time::Instant::now() < end, "the journal is not moved");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(bytes(&store, &long[3].0).as_ref(), Some(&long[3].1));
}

#[test]
fn calls_are_forgotten_by_when_they_were_stored_last() {
    let store = new_store();
    let digest = Digest::of(b"call");
    store.put_calls(vec![(digest, vec![1])]).unwrap();
    let used = store.get_calls(&digest, 0).unwrap()[0].used;
    store.forget_calls(used).unwrap();
    assert_eq!(store.get_calls(&digest, 0).unwrap().len(), 1);
    store.forget_calls(used + Duration::from_secs(1)).unwrap();
    assert_eq!(store.get_calls(&digest, 0).unwrap(), []);
}

#[test]
fn volumes_keep_their_content() {
    let store = new_store();
    let volume = store.volume("pip", "pip cache").unwrap();
    fs::write(volume.path().join("wheel"), "w").unwrap();
    let path = volume.path().to_owned();
    assert!(matches!(store.remove_volume("pip"), Err(StoreError::VolumeInUse { .. })));
    assert!(store.list_volumes().unwrap()[0].in_use);
    drop(volume);
    let store = store.reopen();
    let volume = store.volume("pip", "pip cache").unwrap();
    assert_eq!(fs::read_to_string(volume.path().join("wheel")).unwrap(), "w");
    assert_eq!(volume.path(), path);
    drop(volume);
    store.volume("npm", "npm cache").unwrap();
    assert_eq!(store.list_volumes().unwrap().len(), 2);
    assert!(store.remove_volume("pip").unwrap());
    assert!(!store.remove_volume("pip").unwrap());
    assert!(!path.exists());
    assert_eq!(fs::read_dir(store.volume("pip", "pip cache").unwrap().path()).unwrap().count(), 0);
}
