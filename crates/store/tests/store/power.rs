//! What a loss of power may take from files, and what becomes of it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use kukri_tree::TreeId;

use crate::fixture::{TestStore, new_store, tree};

const LARGE: &[u8] = &[7; 100_000];

/// The one layer of a tree.
fn layer(store: &TestStore, tree: &TreeId) -> PathBuf {
    let made = store.materialise(tree).unwrap();
    assert_eq!(made.lowers.len(), 1);
    made.lowers[0].clone()
}

/// As if the machine had started again after layers up to this one had been written to the disk.
fn started_again(root: &Path, layer: u64) {
    fs::write(root.join("synced.json"), format!(r#"{{"since":"another start","layer":{layer}}}"#)).unwrap();
}

fn empty(path: &Path) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
}

#[test]
fn layers_that_may_lack_bytes_are_built_anew() {
    let store = new_store();
    let of_files = tree(&store, &[("small", b"abc"), ("large", LARGE)]);
    let first = layer(&store, &of_files);
    let store = store.reopen_after(|root| {
        empty(&first.join("small"));
        started_again(root, 0);
    });
    let second = layer(&store, &of_files);
    assert_eq!(fs::read(second.join("small")).unwrap(), b"abc");
    assert_eq!(fs::read(second.join("large")).unwrap(), LARGE);
    // Without a start in between, or when it is on the disk, it stays.
    let store = store.reopen();
    assert_eq!(layer(&store, &of_files), second);
    let store = store.reopen_after(|root| started_again(root, 1000));
    assert_eq!(layer(&store, &of_files), second);
}

#[test]
fn the_mark_says_nothing_of_layers_made_after_those_that_went() {
    let store = new_store().reopen_after(|root| started_again(root, 7)).reopen();
    let made = layer(&store, &tree(&store, &[("small", b"abc")]));
    assert_eq!(made.file_name().unwrap(), "8");
}

#[test]
fn a_long_content_that_lacks_bytes_is_missing() {
    let store = new_store();
    let of_files = tree(&store, &[("large", LARGE)]);
    let first = layer(&store, &of_files);
    let store = store.reopen_after(|root| {
        empty(&first.join("large"));
        started_again(root, 0);
    });
    let error = store.materialise(&of_files).unwrap_err();
    assert!(error.is_missing(), "{error}");
    assert!(store.take_lost(), "the engine is told");
    let again = tree(&store, &[("large", LARGE)]);
    assert_eq!(fs::read(layer(&store, &again).join("large")).unwrap(), LARGE);
}

#[test]
fn a_long_content_that_is_sound_makes_no_layer_anew() {
    let store = new_store();
    let one = tree(&store, &[("small", b"abc")]);
    let first = layer(&store, &one);
    let two = tree(&store, &[("large", LARGE)]);
    layer(&store, &two);
    assert!(!store.take_lost(), "nothing is lost");
    assert_eq!(layer(&store, &one), first);
}

fn zero(path: &Path) {
    assert_eq!(fs::metadata(path).unwrap().len(), LARGE.len() as u64);
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all(&[0; LARGE.len()]).unwrap();
}

/// A tree with a long content whose file has zeros since a loss of power.
fn zeroed() -> (TestStore, TreeId) {
    let store = new_store();
    let of_files = tree(&store, &[("large", LARGE)]);
    let first = layer(&store, &of_files);
    let store = store.reopen_after(|root| {
        zero(&first.join("large"));
        started_again(root, 0);
    });
    (store, of_files)
}

#[test]
fn zeros_in_place_of_a_long_content_are_not_used() {
    let blob = kukri_model::Digest::of(LARGE);
    let (store, of_files) = zeroed();
    let error = store.materialise(&of_files).unwrap_err();
    assert!(error.is_missing(), "{error}");
    assert!(store.take_lost(), "the engine is told");
    let (store, _) = zeroed();
    assert!(store.open_blob(&blob).unwrap_err().is_missing());
    let (store, _) = zeroed();
    assert_eq!(store.has_blobs(&[blob]).unwrap(), [false]);
    // Whoever brings it again is not given the old one.
    let (store, _) = zeroed();
    let again = tree(&store, &[("large", LARGE)]);
    assert_eq!(fs::read(layer(&store, &again).join("large")).unwrap(), LARGE);
    // Also when nobody asks.
    let (store, _) = zeroed();
    let start = std::time::Instant::now();
    while !store.take_lost() {
        assert!(start.elapsed().as_secs() < 20, "nobody looks");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn what_was_checked_is_not_doubted_again() {
    let store = new_store();
    let of_files = tree(&store, &[("large", LARGE)]);
    let first = layer(&store, &of_files);
    let db = store.root().join("index.db");
    let doubted = || {
        let db = rusqlite::Connection::open(&db).unwrap();
        db.query_row("SELECT count(*) FROM unsynced WHERE doubted", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(doubted(), 0);
    let mut store = store.reopen_after(|root| started_again(root, 1000));
    let start = std::time::Instant::now();
    while doubted() > 0 {
        assert!(start.elapsed().as_secs() < 20, "nobody looks");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(!store.take_lost());
    assert_eq!(layer(&store, &of_files), first);
    // What an engine does not come to, the next one does.
    store = store.reopen_after(|root| {
        zero(&first.join("large"));
        let db = rusqlite::Connection::open(root.join("index.db")).unwrap();
        db.execute("INSERT INTO unsynced SELECT 1, key, 1 FROM objects", []).unwrap();
    });
    assert!(store.open_blob(&kukri_model::Digest::of(LARGE)).unwrap_err().is_missing());
}
