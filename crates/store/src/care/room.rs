//! What was dropped takes room until it is deleted, which the caretaker does slowly. Whoever is about to write while the
//! disk has little left sees to it that all of it is gone first, so that nobody is told that a disk is full which is not.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::memory::lock;
use crate::store::Inner;

/// Free bytes from which on nobody needs to hurry; on a small disk, half of it.
const PLENTY: u64 = 1 << 30;

impl Inner {
    /// Makes the index as short as what is in it. `log`: also its log, where nothing else could be given back.
    pub(crate) fn shrink_index(&self, log: bool) -> Result<()> {
        let shrunk = self.index.vacuum().and_then(|pages| {
            if pages == 0 && !log {
                return Ok(());
            }
            // First what the rows refer to, then the rows.
            self.sync();
            self.index.checkpoint()?;
            self.index.empty_log()
        });
        match shrunk {
            // To shorten it takes room in its log first.
            Err(error) if error.is_full() => tracing::warn!(%error, "the index stays as long as it is"),
            other => other?,
        }
        Ok(())
    }

    /// Deletes what is in the trash, at once, if the disk has little room. Best effort.
    pub(crate) fn make_room(&self) {
        let Ok(disk) = rustix::fs::statvfs(self.layout.root()) else { return };
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        if bytes(disk.f_bavail) >= PLENTY.min(bytes(disk.f_blocks) / 2) {
            return;
        }
        // The caretaker may be in the middle of it, with pauses.
        self.hurry.fetch_add(1, Ordering::Relaxed);
        let emptying = lock(&self.emptying);
        self.hurry.fetch_sub(1, Ordering::Relaxed);
        let trash = self.layout.trash();
        let emptied =
            fs::read_dir(&trash).and_then(|mut entries| entries.try_for_each(|entry| delete(&entry?.path())));
        drop(emptying);
        if let Err(error) = emptied {
            tracing::warn!(%error, trash = %trash.display(), "the trash is not empty");
        }
    }
}

fn delete(path: &Path) -> io::Result<()> {
    if !path.symlink_metadata()?.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        // Overlay's own work directories have no permissions at all, which matters to users who are not root.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}
