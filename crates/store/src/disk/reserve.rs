//! Room set aside on the disk. Dropping something writes to the index first, so a disk that is quite full could not be
//! made free again; the reserve is given up then, and taken again once there is room.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::FallocateFlags;

/// Bytes set aside on a disk of usual size; on a small one, a 32nd of it.
const BYTES: u64 = 16 << 20;
const NAME: &str = "reserve";

/// Takes the reserve if it is not there and the disk has four times as much free. Best effort.
pub(crate) fn take(root: &Path) {
    let path = root.join(NAME);
    let Ok(disk) = rustix::fs::statvfs(root) else { return };
    let bytes = size(&disk);
    if bytes == 0 || disk.f_bavail.saturating_mul(disk.f_frsize) < 4 * bytes || path.exists() {
        return;
    }
    let taken = File::create(&path).is_ok_and(|file| {
        // Not by writing zeros: what cannot set room aside may as well pack them.
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes).is_ok()
    });
    if !taken {
        let _ = fs::remove_file(&path);
    }
}

/// Gives it up where less than it is free.
pub(crate) fn give_up_when_full(root: &Path) {
    if rustix::fs::statvfs(root)
        .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < size(&disk).max(1))
    {
        let _ = fs::remove_file(root.join(NAME));
    }
}

fn size(disk: &rustix::fs::StatVfs) -> u64 {
    (disk.f_blocks.saturating_mul(disk.f_frsize) / 32).min(BYTES)
}
