//! Results, calls, volumes.

use std::fs;
use std::time::{Duration, SystemTime};

use kukri_model::Digest;
use kukri_store::{ResultRecord, Root, StoreError};

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
    let nearest = store.nearest(&Digest::of(b"slot")).unwrap();
    assert_eq!(nearest.len(), 16);
    assert_eq!(nearest[0].label, "run 19");
    assert_eq!(nearest[0].key, Digest::of(&19_u64.to_le_bytes()));
    assert_eq!(nearest[0].inputs, vec![("source".to_owned(), Digest::of(b"run 19"))]);
    assert!(store.nearest(&Digest::of(b"other")).unwrap().is_empty());
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
        assert_eq!(store.get_call(&digest).unwrap(), Some(bytes));
    }
    assert_eq!(store.get_call(&Digest::of(b"none")).unwrap(), None);
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
