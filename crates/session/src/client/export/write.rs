//! Writing one file so that nobody ever sees half of it: under another name first, then renamed.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::RemoteError;
use kukri_tree::Meta;
use rustix::fs::{
    AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens, openat, renameat, unlinkat,
};

/// Names for temporary files of one export.
#[derive(Debug)]
pub(super) struct TemporaryNames {
    prefix: String,
    next: AtomicU32,
}

impl TemporaryNames {
    pub fn new() -> Self {
        let unique = super::super::stat_cache::now_ns();
        Self { prefix: format!(".kukri-{}-{unique:x}", std::process::id()), next: AtomicU32::new(0) }
    }

    pub fn next(&self) -> String {
        format!("{}-{}.tmp", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// A file that is being written. Dropping it before [`NewFile::finish`] removes it.
pub(super) struct NewFile {
    dir: OwnedFd,
    temporary: String,
    name: Box<[u8]>,
    file: std::fs::File,
    finished: bool,
}

impl NewFile {
    pub fn create(dir: OwnedFd, name: &[u8], names: &TemporaryNames) -> io::Result<Self> {
        let temporary = names.next();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&dir, temporary.as_str(), flags, Mode::RUSR | Mode::WUSR)?.into();
        Ok(Self { dir, temporary, name: name.into(), file, finished: false })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives it its mode, time and name.
    pub fn finish(mut self, mode: u32, mtime_ns: Option<i64>) -> io::Result<()> {
        fchmod(&self.file, Mode::from_raw_mode(mode & 0o7777))?;
        if let Some(mtime_ns) = mtime_ns {
            futimens(&self.file, &times(mtime_ns))?;
        }
        renameat(&self.dir, self.temporary.as_str(), &self.dir, &*self.name)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = unlinkat(&self.dir, self.temporary.as_str(), AtFlags::empty());
        }
    }
}

/// Modification time; the time of access stays.
pub(super) fn times(mtime_ns: i64) -> Timestamps {
    let last_modification = Timespec {
        tv_sec: mtime_ns.div_euclid(1_000_000_000),
        tv_nsec: mtime_ns.rem_euclid(1_000_000_000) as _,
    };
    Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ }, last_modification }
}

/// Puts something that is not a regular file in place, atomically: `make` makes it under a temporary name.
pub(super) fn replace(
    dir: BorrowedFd<'_>,
    name: &[u8],
    meta: &Meta,
    names: &TemporaryNames,
    make: impl Fn(BorrowedFd<'_>, &str) -> rustix::io::Result<()>,
) -> io::Result<()> {
    let temporary = names.next();
    make(dir, &temporary)?;
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let placed = rustix::fs::utimensat(dir, temporary.as_str(), &times(meta.mtime_ns), flags)
        .and_then(|()| renameat(dir, temporary.as_str(), dir, name));
    if placed.is_err() {
        let _ = unlinkat(dir, temporary.as_str(), AtFlags::empty());
    }
    Ok(placed?)
}

/// Makes a directory with all that lead to it. Where one of these is a file, the error names that one.
pub(super) fn make_dirs(path: &Path) -> Result<(), RemoteError> {
    std::fs::create_dir_all(path).map_err(|error| {
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        let file = above.into_iter().find(|path| path.metadata().is_ok_and(|found| !found.is_dir()));
        match file {
            Some(file) => RemoteError::io("open", file, &io::ErrorKind::NotADirectory.into()),
            None => RemoteError::io("make the directory", path, &error),
        }
    })
}

/// A directory below another, itself not a link.
pub(super) fn open_dir(root: impl AsFd, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { &b"."[..] } else { path };
    openat(root, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Removes a file, or a directory with everything in it. What is not there is fine. Links are not followed.
pub(super) fn remove_all(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<()> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(()),
        Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    // Depth-first without recursion; a directory is removed when it comes up for the second time.
    let mut todo = vec![(name.to_vec(), false)];
    while let Some((path, emptied)) = todo.pop() {
        if emptied {
            unlinkat(dir, path.as_slice(), AtFlags::REMOVEDIR)?;
            continue;
        }
        let fd = open_dir(dir, &path)?;
        todo.push((path.clone(), true));
        for name in names_of(&fd)? {
            match unlinkat(&fd, &*name, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {
                    todo.push(([&path[..], b"/", &name].concat(), false));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Names in a directory.
pub(super) fn names_of(fd: &OwnedFd) -> io::Result<Vec<Box<[u8]>>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(fd)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.into());
        }
    }
    Ok(names)
}
