//! `synced.json`: which layers are on the disk for certain.
//!
//! The files of a layer are in the memory of the kernel at first, and reach the disk within half a minute; rows of the index
//! that name them may be there before. Contents are checked when they are read, but what commands see of a layer is not. So
//! layers that were not written to the disk with certainty are built anew when the machine has started again since, or the
//! disk was mounted again. Objects of before, which the table `unsynced` has, are checked before they are used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, StatxFlags};
use serde::{Deserialize, Serialize};

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Mark {
    /// Which start of the machine and which mount of the disk it was: as long as both are the same, all that was written can
    /// be read.
    since: String,
    /// Layers up to this one are on the disk.
    layer: u64,
}

/// The mark of an open store.
#[derive(Debug)]
pub(crate) struct Synced {
    path: PathBuf,
    mark: Mutex<Mark>,
    /// Objects that were made, and how many of them were there when all was written to the disk last.
    objects: (AtomicU64, AtomicU64),
    /// Held while all is written to the disk.
    pub(crate) syncing: Mutex<()>,
}

impl Synced {
    /// Reads the mark of the store at `root`. Gives the layers to be trusted as well, those up to a number; none: all of them.
    pub(crate) fn open(root: &Path) -> io::Result<(Self, Option<u64>)> {
        let path = root.join("synced.json");
        // What cannot be read, or was never written, tells of no layer.
        let mut mark: Mark =
            fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let since = since(root)?;
        let trusted = (mark.since != since).then_some(mark.layer);
        mark.since = since;
        Ok((
            Self { path, mark: Mutex::new(mark), objects: Default::default(), syncing: Mutex::default() },
            trusted,
        ))
    }

    /// So many more objects have been made.
    pub(crate) fn made(&self, objects: u64) {
        self.objects.0.fetch_add(objects, Ordering::Release);
    }

    /// How many objects have been made.
    pub(crate) fn objects(&self) -> u64 {
        self.objects.0.load(Ordering::Acquire)
    }

    /// How many of them are on the disk.
    pub(crate) fn objects_synced(&self) -> u64 {
        self.objects.1.load(Ordering::Relaxed)
    }

    /// So many of them are on the disk.
    pub(crate) fn note_objects(&self, objects: u64) {
        self.objects.1.store(objects, Ordering::Relaxed);
    }

    /// The last layer that is on the disk.
    pub(crate) fn layer(&self) -> u64 {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).layer
    }

    /// All that was written of layers up to this one is on the disk.
    pub(crate) fn note(&self, layer: u64) -> io::Result<()> {
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        mark.layer = layer;
        let new = self.path.with_extension("json.new");
        fs::write(&new, serde_json::to_vec(&*mark)?)?;
        fs::rename(&new, &self.path)
    }
}

/// See [`Mark::since`].
fn since(root: &Path) -> io::Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // `STATX_MNT_ID_UNIQUE`, of Linux 6.8: a number that no later mount gets. Before, one that may come again.
    let unique = StatxFlags::from_bits_retain(0x4000);
    let mount = rustix::fs::statx(CWD, root, AtFlags::empty(), StatxFlags::MNT_ID | unique)?;
    Ok(format!("{} {}:{} {}", boot.trim(), mount.stx_dev_major, mount.stx_dev_minor, mount.stx_mnt_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_start_of_the_machine_only_what_was_synced_is_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let trusted = || Synced::open(dir.path()).unwrap();
        assert_eq!(trusted().1, Some(0), "a store without a mark");
        trusted().0.note(3).unwrap();
        assert_eq!((trusted().1, trusted().0.layer()), (None, 3), "the same start");
        let path = dir.path().join("synced.json");
        fs::write(&path, r#"{"since":"another","layer":3}"#).unwrap();
        assert_eq!(trusted().1, Some(3));
        fs::write(&path, "").unwrap();
        assert_eq!(trusted().1, Some(0), "torn");
    }
}
