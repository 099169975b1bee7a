//! What of a tree differs from what is on disk: makes directories and links at once, and lists the files to write.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kukri_model::Digest;
use kukri_tree::{Entry, EntryKind, Meta, Node};
use rustix::fs::{
    AtFlags, FileType, Mode, chmodat, fchmod, fstat, futimens, makedev, mkdirat, mknodat, readlinkat, statat,
    symlinkat, utimensat,
};

use super::write::{TemporaryNames, names_of, open_dir, remove_all, replace, times};
use crate::client::read::{self, Opened};
use crate::client::stat_cache::{Stamp, StatCache, StatCacheWriter, find, now_ns};
use crate::{ErrorCode, RemoteError};

/// A file whose content must be written.
pub(super) struct Want {
    /// Index of its directory in [`Comparison::dirs`].
    pub dir: usize,
    pub name: Box<[u8]>,
    pub blob: Digest,
    pub size: u64,
    pub meta: Meta,
}

/// A directory of the tree, by its path from the root of the export.
pub(super) struct TargetDir {
    pub path: Vec<u8>,
    node: Arc<Node>,
    /// Files that are as they should be.
    same: Vec<(Box<[u8]>, Stamp, Digest)>,
}

/// A tree against a directory.
pub(super) struct Comparison<'a> {
    pub root_path: &'a Path,
    pub root: &'a OwnedFd,
    pub nodes: &'a HashMap<Digest, Arc<Node>>,
    pub wipe: bool,
    pub cache: &'a StatCache,
    pub names: &'a TemporaryNames,
    pub cancelled: &'a AtomicBool,
    pub dirs: Vec<TargetDir>,
    pub wants: Vec<Want>,
    started_ns: i64,
    hashed: usize,
    buffer: Vec<u8>,
}

impl<'a> Comparison<'a> {
    pub fn new(
        (root_path, root): (&'a Path, &'a OwnedFd),
        nodes: &'a HashMap<Digest, Arc<Node>>,
        wipe: bool,
        cache: &'a StatCache,
        names: &'a TemporaryNames,
        cancelled: &'a AtomicBool,
    ) -> Self {
        Self {
            root_path,
            root,
            nodes,
            wipe,
            cache,
            names,
            cancelled,
            dirs: Vec::new(),
            wants: Vec::new(),
            started_ns: now_ns(),
            hashed: 0,
            buffer: read::buffer(),
        }
    }

    /// Goes through the tree from `root` down.
    pub fn run(&mut self, root: &Digest) -> Result<(), RemoteError> {
        let mut todo = vec![(Vec::new(), *root)];
        while let Some((path, digest)) = todo.pop() {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(RemoteError::new(ErrorCode::Cancelled, "cancelled"));
            }
            let Some(node) = self.nodes.get(&digest) else {
                return Err(RemoteError::new(ErrorCode::Invalid, format!("node {digest} is missing")));
            };
            let node = Arc::clone(node);
            let fd =
                open_dir(self.root, &path).map_err(|error| self.failed("open", &path, b"", &error.into()))?;
            self.make_accessible(&fd)
                .map_err(|error| self.failed("change the mode of", &path, b"", &error))?;
            if self.wipe {
                self.wipe(&fd, &path, &node)?;
            }
            let dir = self.dirs.len();
            self.dirs.push(TargetDir { path: path.clone(), node: Arc::clone(&node), same: Vec::new() });
            let known = self.cache.dir(&path);
            for entry in &node.entries {
                let done = match &entry.kind {
                    EntryKind::Dir(id) => {
                        let child = join(&path, &entry.name);
                        let made = self.make_dir(&fd, &entry.name);
                        todo.push((child, id.stored));
                        made
                    }
                    EntryKind::File { meta, blob, size, .. } => {
                        let known = find(&known, &entry.name).map(|known| (known.stamp, known.digest));
                        self.file(&fd, dir, &entry.name, meta, *blob, *size, known)
                    }
                    _ => self.special(&fd, entry),
                };
                done.map_err(|error| self.failed("write", &path, &entry.name, &error))?;
            }
        }
        Ok(())
    }

    fn failed(&self, verb: &str, dir: &[u8], name: &[u8], error: &io::Error) -> RemoteError {
        RemoteError::io(verb, &full_path(self.root_path, dir, name), error)
    }

    /// Its final mode may forbid us to write; it comes at the end.
    fn make_accessible(&self, fd: &OwnedFd) -> io::Result<()> {
        let mode = Mode::from_raw_mode(fstat(fd)?.st_mode);
        if !mode.contains(Mode::RWXU) {
            fchmod(fd, mode | Mode::RWXU)?;
        }
        Ok(())
    }

    fn wipe(&self, fd: &OwnedFd, path: &[u8], node: &Node) -> Result<(), RemoteError> {
        for name in names_of(fd).map_err(|error| self.failed("read", path, b"", &error))? {
            if node.get(&name).is_none() {
                remove_all(fd.as_fd(), &name).map_err(|error| self.failed("delete", path, &name, &error))?;
            }
        }
        Ok(())
    }

    fn make_dir(&self, fd: &OwnedFd, name: &[u8]) -> io::Result<()> {
        match mkdirat(fd, name, Mode::RWXU) {
            Err(rustix::io::Errno::EXIST) => {}
            made => return Ok(made?),
        }
        let found = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
            // A file gives way. So does a link: what lies behind it is not part of the destination.
            remove_all(fd.as_fd(), name)?;
            mkdirat(fd, name, Mode::RWXU)?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one file, as the tree has it and as the disk has it")]
    fn file(
        &mut self,
        fd: &OwnedFd,
        dir: usize,
        name: &[u8],
        meta: &Meta,
        blob: Digest,
        size: u64,
        known: Option<(Stamp, Digest)>,
    ) -> io::Result<()> {
        let found = self.make_way(fd.as_fd(), name)?;
        if let Some(found) = found
            && FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
            && read::stamp(&found).size == size
        {
            let mut stamp = read::stamp(&found);
            let digest = match known {
                Some((known_stamp, digest)) if known_stamp == stamp => Some(digest),
                _ => self.hash(fd, name)?,
            };
            if digest == Some(blob) {
                let mode = meta.mode & 0o7777;
                if stamp.mode & 0o7777 != mode {
                    chmodat(fd, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
                }
                if stamp.mtime_ns != meta.mtime_ns {
                    utimensat(fd, name, &times(meta.mtime_ns), AtFlags::SYMLINK_NOFOLLOW)?;
                }
                if stamp.mode & 0o7777 != mode || stamp.mtime_ns != meta.mtime_ns {
                    stamp = read::stamp(&statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)?);
                }
                self.dirs[dir].same.push((name.into(), stamp, blob));
                return Ok(());
            }
        }
        self.wants.push(Want { dir, name: name.into(), blob, size, meta: meta.clone() });
        Ok(())
    }

    /// The digest of a file that is there; none if it cannot be read: then it is written anew.
    fn hash(&mut self, fd: &OwnedFd, name: &[u8]) -> io::Result<Option<Digest>> {
        self.hashed += 1;
        Ok(match read::open(fd, name) {
            Ok(Opened::File(file, found)) => Some(read::read(&file, &found, &mut self.buffer)?.digest),
            Ok(Opened::NotAFile) | Err(_) => None,
        })
    }

    /// Looks at what is there. A directory in the way of something else is deleted only if it is empty, or if
    /// everything else is to be deleted too.
    fn make_way(&self, fd: BorrowedFd<'_>, name: &[u8]) -> io::Result<Option<rustix::fs::Stat>> {
        let found = match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
            return Ok(Some(found));
        }
        if self.wipe {
            remove_all(fd, name)?;
        } else {
            rustix::fs::unlinkat(fd, name, AtFlags::REMOVEDIR).map_err(|error| match error {
                rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST => {
                    io::Error::from(io::ErrorKind::IsADirectory)
                }
                error => error.into(),
            })?;
        }
        Ok(None)
    }

    /// Links, pipes and devices.
    fn special(&self, fd: &OwnedFd, entry: &Entry) -> io::Result<()> {
        let Some(meta) = entry.kind.meta() else { return Ok(()) };
        let found = self.make_way(fd.as_fd(), &entry.name)?;
        let mode = Mode::from_raw_mode(meta.mode & 0o7777);
        let (kind, device) = match &entry.kind {
            EntryKind::Symlink { target, .. } => {
                let same = found
                    .is_some_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
                    && readlinkat(fd, &*entry.name, Vec::new())?.as_bytes() == &**target;
                if same {
                    return Ok(());
                }
                return replace(fd.as_fd(), &entry.name, meta, self.names, |dir, name| {
                    symlinkat(&**target, dir, name)
                });
            }
            EntryKind::Fifo { .. } => (FileType::Fifo, 0),
            EntryKind::CharDevice { major, minor, .. } => {
                (FileType::CharacterDevice, makedev(*major, *minor))
            }
            EntryKind::BlockDevice { major, minor, .. } => (FileType::BlockDevice, makedev(*major, *minor)),
            EntryKind::File { .. } | EntryKind::Dir(_) => return Ok(()),
        };
        let same = found.is_some_and(|found| {
            FileType::from_raw_mode(found.st_mode) == kind
                && (kind == FileType::Fifo || found.st_rdev == device)
                && Mode::from_raw_mode(found.st_mode) == mode
        });
        if same {
            return Ok(());
        }
        replace(fd.as_fd(), &entry.name, meta, self.names, |dir, name| {
            mknodat(dir, name, kind, mode, device)?;
            chmodat(dir, name, mode, AtFlags::empty())
        })
    }

    /// Gives directories their modes and times, once nothing changes in them any more. The root stays as it is.
    pub fn finish_dirs(&self) -> Result<(), RemoteError> {
        for dir in self.dirs.iter().skip(1).rev() {
            let finish = || -> io::Result<()> {
                let fd = open_dir(self.root, &dir.path)?;
                let (found, meta) = (read::stamp(&fstat(&fd)?), &dir.node.meta);
                if found.mode & 0o7777 != meta.mode & 0o7777 {
                    fchmod(&fd, Mode::from_raw_mode(meta.mode & 0o7777))?;
                }
                if found.mtime_ns != meta.mtime_ns {
                    futimens(&fd, &times(meta.mtime_ns))?;
                }
                Ok(())
            };
            finish().map_err(|error| self.failed("change the mode of", &dir.path, b"", &error))?;
        }
        Ok(())
    }

    /// Remembers what was hashed, for the next export to the same place.
    pub fn save(&self, cache_dir: &Path, key: &Path) -> io::Result<()> {
        if self.hashed == 0 {
            return Ok(());
        }
        let mut writer = StatCacheWriter::new(key);
        for dir in &self.dirs {
            let settled = dir.same.iter().filter(|(_, stamp, _)| stamp.is_settled(self.started_ns));
            writer.dir(&dir.path, settled.map(|(name, stamp, digest)| (&**name, *stamp, *digest)));
        }
        writer.save(cache_dir, key)
    }
}

pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

pub(super) fn full_path(root: &Path, dir: &[u8], name: &[u8]) -> PathBuf {
    let mut path = root.to_owned();
    for part in [dir, name] {
        if !part.is_empty() {
            path.push(std::ffi::OsStr::from_bytes(part));
        }
    }
    path
}
