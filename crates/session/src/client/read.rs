//! Reading and hashing one file.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use kukri_model::Digest;
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat};

use super::stat_cache::Stamp;
use crate::records::SMALL;

/// A file as it was read.
pub(super) struct ReadFile {
    pub stamp: Stamp,
    /// Length of what was read: may differ from the stamp's if the file was growing.
    pub size: u64,
    pub digest: Digest,
}

/// What lies under a name.
pub(super) enum Opened {
    File(OwnedFd, Stat),
    /// Vanished, or turned into something else, since it was listed.
    NotAFile,
}

/// A buffer for [`read`], to be used again and again.
pub(super) fn buffer() -> Vec<u8> {
    vec![0; SMALL as usize + 1]
}

/// Opens a regular file without following links, and without waiting for pipes.
pub(super) fn open(dir: impl AsFd, name: &[u8]) -> io::Result<Opened> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match openat(dir, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => {
            return Ok(Opened::NotAFile);
        }
        Err(error) => return Err(error.into()),
    };
    let found = fstat(&file)?;
    if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile {
        Ok(Opened::File(file, found))
    } else {
        Ok(Opened::NotAFile)
    }
}

/// Reads a file to its end and hashes it.
pub(super) fn read(file: &OwnedFd, found: &Stat, buffer: &mut [u8]) -> io::Result<ReadFile> {
    let stamp = stamp(found);
    let filled = fill(file, buffer, stamp.size)?;
    if filled < buffer.len() {
        let digest = Digest::of(&buffer[..filled]);
        return Ok(ReadFile { stamp, size: filled as u64, digest });
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&buffer[..filled]);
    read_on(file, stamp, hasher, filled as u64, buffer)
}

/// Goes on with a file of which `size` bytes were read and hashed already.
pub(super) fn read_on(
    file: &OwnedFd,
    stamp: Stamp,
    mut hasher: blake3::Hasher,
    mut size: u64,
    buffer: &mut [u8],
) -> io::Result<ReadFile> {
    let mut end = None;
    loop {
        // One that is written faster than it is read would have no end: what has grown ends where it ends now. Files of the
        // kernel do not tell their length.
        if size > stamp.size && end.is_none() {
            let length = self::stamp(&fstat(file)?).size;
            end = Some(if length < size { u64::MAX } else { length });
        }
        let filled = fill_up_to(file, buffer, end.unwrap_or(u64::MAX) - size)?;
        if filled == 0 {
            return Ok(ReadFile { stamp, size, digest: hasher.finalize().into() });
        }
        hasher.update(&buffer[..filled]);
        size += filled as u64;
    }
}

/// Reads until the buffer is full, the file ends, or so much was read.
pub(super) fn fill_up_to(file: &OwnedFd, buffer: &mut [u8], most: u64) -> io::Result<usize> {
    let room = usize::try_from(most).map_or(buffer.len(), |most| most.min(buffer.len()));
    fill(file, &mut buffer[..room], most)
}

/// Reads until the buffer is full or the file ends. A read that ends exactly where the file was said to end saves the
/// one that would return nothing.
pub(super) fn fill(file: &OwnedFd, buffer: &mut [u8], expected: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::read(file, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => {
                filled += count;
                if filled as u64 == expected {
                    break;
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// The stamp of an open file.
#[expect(clippy::unnecessary_cast, reason = "the fields' types differ between architectures")]
pub(super) fn stamp(found: &Stat) -> Stamp {
    Stamp {
        size: found.st_size as u64,
        mtime_ns: nanoseconds(found.st_mtime as i64, found.st_mtime_nsec as i64),
        ctime_ns: nanoseconds(found.st_ctime as i64, found.st_ctime_nsec as i64),
        ino: found.st_ino as u64,
        mode: found.st_mode as u32,
    }
}

/// Times beyond the years 1677 to 2262 become the nearest that can be kept.
pub(super) const fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::client::offer::Offer;

    #[test]
    fn a_file_that_grows_faster_than_it_is_read_has_an_end() {
        for length in [1, 8 * SMALL] {
            let file = tempfile::tempfile().unwrap();
            file.set_len(length).unwrap();
            let opened = OwnedFd::from(file.try_clone().unwrap());
            let found = fstat(&opened).unwrap();
            let (started, done) = (Instant::now(), AtomicBool::new(false));
            let in_time = || started.elapsed() < Duration::from_secs(10);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for step in 1.. {
                        file.set_len(length + (step << 24)).unwrap();
                        if done.load(Ordering::Relaxed) || !in_time() {
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
                let read = Offer::default().read(&opened, &found, &mut buffer()).unwrap();
                done.store(true, Ordering::Relaxed);
                assert!(in_time(), "it was read for as long as it grew: {} bytes", read.size);
                assert!(read.size >= length);
            });
        }
    }

    #[test]
    fn a_file_of_the_kernel_is_read_whole_though_its_length_is_not_told() {
        let file = OwnedFd::from(std::fs::File::open("/proc/kallsyms").unwrap());
        let found = fstat(&file).unwrap();
        assert_eq!(stamp(&found).size, 0);
        let read = Offer::default().read(&file, &found, &mut buffer()).unwrap();
        assert_eq!(read.size, std::fs::read("/proc/kallsyms").unwrap().len() as u64);
    }
}
