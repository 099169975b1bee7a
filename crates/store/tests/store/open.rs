//! Opening, and refusing to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use kukri_store::{OpenError, Store};

use crate::fixture::{TestStore, config, new_store};

#[test]
fn one_engine_at_a_time() {
    let store = new_store();
    let error = Store::open(config(store.dir.path())).unwrap_err();
    assert!(
        matches!(error, OpenError::InUse { holder: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    assert!(kukri_store::is_in_use(store.root()));
    let store = store.reopen();
    let root = store.root().to_owned();
    let TestStore { store, dir: _dir } = store;
    drop(store);
    assert!(!kukri_store::is_in_use(&root) && !kukri_store::is_in_use(&root.join("none")));
}

/// Steps' files have modes of their own inside.
#[test]
fn nobody_else_reads_it() {
    let mode = |store: &TestStore| store.root().metadata().unwrap().permissions().mode() & 0o777;
    let store = new_store();
    assert_eq!(mode(&store), 0o700);
    let store =
        store.reopen_after(|root| fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap());
    assert_eq!(mode(&store), 0o700);
}

#[test]
fn what_is_newer_is_refused_and_left_alone() {
    let store = new_store();
    let digest = store.put_blob(b"kept").unwrap();
    let (path, dir) = (store.root().join("format.json"), store.dir);
    drop(store.store);
    let good = fs::read_to_string(&path).unwrap();
    let lock = path.with_file_name("lock");
    fs::write(&lock, "of somebody else\n").unwrap();
    for (bad, newer) in [
        (good.replace("\"version\": 1", "\"version\": 2"), "TooNew"),
        (good.replace("\"lazy-shards\"", "\"lazy-shards\", \"encrypted\""), "UnknownFeatures"),
        ("{".to_owned(), "BadFormat"),
    ] {
        assert_ne!(bad, good);
        fs::write(&path, &bad).unwrap();
        let error = Store::open(config(dir.path())).unwrap_err();
        assert!(format!("{error:?}").starts_with(newer), "{error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), bad);
        assert_eq!(fs::read_to_string(&lock).unwrap(), "of somebody else\n");
    }
    fs::write(&path, good.replace("\"compatible\": []", "\"compatible\": [\"hints\"]")).unwrap();
    assert_eq!(Store::open(config(dir.path())).unwrap().read_blob(&digest).unwrap(), b"kept");
}

/// Engines that take all directories of objects for granted know no features, so they refuse a store that lacks one;
/// a store that has them all stays open to them.
#[test]
fn a_store_with_missing_shards_says_so() {
    let store = new_store();
    let (path, dir) = (store.root().join("format.json"), store.dir);
    let objects = store.store.root().join("objects");
    drop(store.store);
    let features = || {
        let format: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        format["incompatible"].as_array().unwrap().len()
    };
    assert_eq!(features(), 1, "a new store");
    let text = fs::read_to_string(&path).unwrap();
    let old = text.replace("\"lazy-shards\"", "");
    assert_ne!(old, text);
    fs::write(&path, &old).unwrap();
    for byte in 0..=255 {
        fs::create_dir_all(objects.join(format!("{byte:02x}"))).unwrap();
    }
    drop(Store::open(config(dir.path())).unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), old, "an old store stays as it is");
    fs::remove_dir(objects.join("a7")).unwrap();
    drop(Store::open(config(dir.path())).unwrap());
    assert_eq!(features(), 1, "one that was made before there was a word for it");
}

#[test]
fn a_directory_with_other_things_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("store")).unwrap();
    fs::write(dir.path().join("store/thesis.txt"), "x").unwrap();
    assert!(matches!(Store::open(config(dir.path())), Err(OpenError::NotAStore { .. })));
    assert!(dir.path().join("store/thesis.txt").exists());
}

#[test]
fn leftovers_of_a_crash_are_gone_at_once() {
    let store = new_store();
    let root = store.root().to_owned();
    fs::create_dir_all(root.join("work/9/upper/deep/er")).unwrap();
    fs::write(root.join("tmp/half"), "half").unwrap();
    let store = store.reopen();
    assert_eq!(fs::read_dir(root.join("work")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(root.join("tmp")).unwrap().count(), 0);
    // The caretaker empties the trash in the background.
    for _ in 0..100 {
        if fs::read_dir(root.join("trash")).unwrap().count() == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(store);
    panic!("the trash stays");
}

/// As after a loss of power on a disk that had said too early that all was written.
#[test]
fn a_damaged_index_says_what_to_do() {
    let store = new_store();
    let blobs: Vec<_> = (0..2000_u32).map(|at| store.put_blob(&at.to_le_bytes()).unwrap()).collect();
    let TestStore { store, dir } = store;
    let index = store.root().join("index.db");
    drop(store);
    let length = fs::metadata(&index).unwrap().len();
    assert!(length > 100_000, "all is in the database: {length}");
    let file = fs::OpenOptions::new().write(true).open(&index).unwrap();
    // All but the first page, which has the schema.
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; length as usize - 4096], 4096).unwrap();
    let error = match Store::open(config(dir.path())) {
        Ok(store) => store.read_blob(&blobs[0]).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("move the directory `store` of its root away"), "{error}");
    assert_eq!(fs::metadata(&index).unwrap().len(), length, "and it is still there");
}
