//! Many contents in one go.

use kukri_model::Digest;
use kukri_store::{PruneOptions, StoreError, VerifyOptions};
use kukri_tree::Node;

use crate::fixture::new_store;

fn contents(count: u32, words: usize) -> Vec<(Digest, Vec<u8>)> {
    let content = |n: u32| n.to_le_bytes().repeat(words);
    (0..count).map(|n| (Digest::of(&content(n)), content(n))).collect()
}

#[test]
fn what_was_put_is_there_after_the_nodes_also_after_a_restart() {
    let store = new_store();
    let mut blobs = contents(300, 50);
    blobs.push((Digest::of(b""), Vec::new()));
    blobs.push((Digest::of(&[3; 100_000]), vec![3; 100_000]));
    let (id, node) = Node::empty().seal();
    let intake = store.intake();
    intake.put_blobs(&blobs).unwrap();
    intake.put_blobs(&blobs[..10]).unwrap();
    intake.put_nodes(vec![(id.stored, node)]).unwrap();
    // Without the end of its life.
    std::mem::forget(intake);
    for (digest, content) in &blobs {
        assert_eq!(&store.read_blob(digest).unwrap(), content);
    }
    assert_eq!(store.has_nodes(&[id.stored]).unwrap(), [true]);
}

#[test]
fn dropping_it_keeps_what_was_put() {
    let store = new_store();
    let blobs = contents(10, 50);
    store.intake().put_blobs(&blobs).unwrap();
    let store = store.reopen();
    assert_eq!(store.read_blob(&blobs[9].0).unwrap(), blobs[9].1);
}

#[test]
fn a_wrong_digest_is_refused() {
    let store = new_store();
    let mut blobs = contents(3, 50);
    blobs[1].1 = b"something else".to_vec();
    let intake = store.intake();
    let error = intake.put_blobs(&blobs).unwrap_err();
    assert!(matches!(error, StoreError::DigestMismatch { .. }), "{error}");
    assert!(intake.put_nodes(vec![(Digest::of(b"x"), Node::empty().encode())]).is_err());
    drop(intake);
    let digests: Vec<Digest> = blobs.iter().map(|(digest, _)| *digest).collect();
    assert_eq!(store.has_blobs(&digests).unwrap(), [false; 3]);
}

#[test]
fn a_collection_in_between_takes_nothing() {
    let store = new_store();
    // More than a pack holds, so that the first is not the current one.
    let blobs = contents(2200, 8000);
    let intake = store.intake();
    for part in blobs.chunks(100) {
        intake.put_blobs(part).unwrap();
    }
    assert!(store.root().join("packs/2.pack").exists());
    store.prune(&PruneOptions::default()).unwrap();
    intake.flush().unwrap();
    for (digest, content) in &blobs {
        assert_eq!(&store.read_blob(digest).unwrap(), content);
    }
    // Nothing refers to them.
    store.prune(&PruneOptions::default()).unwrap();
    assert!(!store.root().join("packs/1.pack").exists());
    assert!(store.verify(VerifyOptions { deep: true, repair: false }).unwrap().problems.is_empty());
}
