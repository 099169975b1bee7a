//! A disk that was full, and is not any more.

use std::process::Command;

use kukri_store::{Store, StoreConfig};

use crate::fixture::is_root;

/// What was dropped is out of the way before something new is written, however slowly the caretaker deletes.
#[test]
fn privileged_what_was_dropped_makes_room_at_once() {
    if !is_root("privileged_what_was_dropped_makes_room_at_once") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(dir.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("privileged_what_was_dropped_makes_room_at_once skipped: a tmpfs cannot be mounted here");
        return;
    }
    let tried = std::panic::catch_unwind(|| {
        let store = Store::open(StoreConfig::new(dir.path().join("store"))).unwrap();
        for round in 0..20 {
            let space = store.workspace(None).unwrap();
            // Many files, so that a deletion takes a while.
            for file in 0..200 {
                std::fs::write(space.upper().join(file.to_string()), vec![1; 50_000])
                    .unwrap_or_else(|error| panic!("round {round}, file {file}: {error}"));
            }
        }
    });
    let _ = Command::new("umount").arg("-l").arg(dir.path()).status();
    tried.unwrap();
}
