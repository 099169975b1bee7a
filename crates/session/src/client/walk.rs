//! Walking a directory with a few threads: lists, compares with the stat cache, reads and hashes what is new.
//!
//! Open files are bounded by the number of threads, not by the size of the tree.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use kukri_model::Digest;
use kukri_tree::{Decision, Entry, EntryKind, Filter, Meta, Node, TreeId};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, Statx, StatxFlags, fstat, openat, readlinkat, statx,
};

use super::offer::Offer;
use super::read::{self, Opened, nanoseconds};
use super::stat_cache::{KnownDir, Stamp, StatCache, find, now_ns};
use crate::{ErrorCode, RemoteError};

/// Files handed to a thread at a time.
const CHUNK: usize = 256;
const LIST_BUFFER: usize = 64 << 10;

/// Which part of the file system, and what to do with it.
pub(super) struct Walk<'a> {
    /// Absolute; for errors.
    pub root_path: &'a Path,
    /// What to leave out; none: nothing.
    pub filter: Option<Filter>,
    pub cache: &'a StatCache,
    /// Gets the contents of small files that were read. False: stop. May block.
    pub on_offer: &'a (dyn Fn(Offer) -> bool + Sync),
    /// Becomes true when nobody wants the result any more.
    pub cancelled: &'a AtomicBool,
    pub threads: usize,
}

/// A file, link or other entry that was found.
pub(super) struct Found {
    pub entry: Entry,
    /// Of regular files.
    pub stamp: Option<Stamp>,
}

/// A directory that was walked.
pub(super) struct WalkedDir {
    /// From the root.
    pub path: Arc<[u8]>,
    pub meta: Meta,
    /// Everything but directories, sorted by name.
    pub files: Vec<Found>,
    parent: usize,
    /// Whether it belongs to the result even if nothing below does.
    taken: bool,
    exists: bool,
}

/// What was found.
pub(super) struct Walked {
    /// Parents come before their children; the first is the root.
    pub dirs: Vec<WalkedDir>,
    pub started_ns: i64,
    /// How many files were read.
    pub hashed: usize,
    /// Whether the walk has seen everything there is.
    pub complete: bool,
}

/// The nodes of a walked directory.
pub(super) struct Nodes {
    pub root: TreeId,
    /// Encoded, by stored digest.
    pub encoded: HashMap<Digest, Vec<u8>>,
}

/// A name, and what it was when the directory was listed.
type Listed = (Box<[u8]>, FileType);

enum Task {
    List(usize),
    Files { dir: usize, fd: Arc<OwnedFd>, names: Vec<Listed>, known: KnownDir },
}

struct Work {
    tasks: Vec<Task>,
    busy: usize,
    dirs: Vec<WalkedDir>,
    hashed: usize,
    error: Option<RemoteError>,
}

struct Walker<'a> {
    walk: &'a Walk<'a>,
    filter: Option<RwLock<Filter>>,
    root: OwnedFd,
    work: Mutex<Work>,
    changed: Condvar,
}

impl Walk<'_> {
    /// Walks. Blocks.
    pub fn run(&self) -> Result<Walked, RemoteError> {
        let started_ns = now_ns();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(rustix::fs::CWD, self.root_path, flags, Mode::empty())
            .map_err(|error| RemoteError::io("read", self.root_path, &error.into()))?;
        let root_dir = WalkedDir {
            path: Arc::default(),
            meta: Meta::new(0o755),
            files: Vec::new(),
            parent: 0,
            taken: true,
            exists: true,
        };
        let work = Work { tasks: vec![Task::List(0)], busy: 0, dirs: vec![root_dir], hashed: 0, error: None };
        let filter = self
            .filter
            .clone()
            .filter(|filter| !filter.is_trivial() || filter.wants_gitignore())
            .map(RwLock::new);
        let complete = filter.is_none();
        let walker = Walker { walk: self, filter, root, work: Mutex::new(work), changed: Condvar::new() };
        std::thread::scope(|scope| {
            for _ in 1..self.threads {
                scope.spawn(|| walker.run());
            }
            walker.run();
        });
        let work = walker.work.into_inner().unwrap_or_else(PoisonError::into_inner);
        match work.error {
            Some(error) => Err(error),
            None => Ok(Walked { dirs: work.dirs, started_ns, hashed: work.hashed, complete }),
        }
    }
}

impl Walker<'_> {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut buffers =
            Buffers { list: Vec::with_capacity(LIST_BUFFER), read: read::buffer(), offer: Offer::default() };
        let mut work = self.lock();
        loop {
            if work.error.is_some() {
                return;
            }
            let Some(task) = work.tasks.pop() else {
                if !buffers.offer.is_empty() {
                    drop(work);
                    let result = self.hand_over(&mut buffers);
                    work = self.lock();
                    if let Err(error) = result {
                        work.error.get_or_insert(error.into());
                    }
                    continue;
                }
                if work.busy == 0 {
                    return;
                }
                work = self.changed.wait(work).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            work.busy += 1;
            drop(work);
            let result = if self.walk.cancelled.load(Ordering::Relaxed) {
                Err(Cancelled.into())
            } else {
                self.perform(task, &mut buffers)
            };
            work = self.lock();
            work.busy -= 1;
            if let Err(error) = result {
                work.error.get_or_insert(error);
            }
            if work.busy == 0 || work.error.is_some() {
                self.changed.notify_all();
            }
        }
    }

    fn perform(&self, task: Task, buffers: &mut Buffers) -> Result<(), RemoteError> {
        match task {
            Task::List(dir) => self.list(dir, buffers),
            Task::Files { dir, fd, names, known } => self.files(dir, &fd, &names, &known, buffers),
        }
    }

    fn full_path(&self, dir: &[u8], name: &[u8]) -> PathBuf {
        let mut path = self.walk.root_path.to_owned();
        path.push(std::ffi::OsStr::from_bytes(dir));
        path.push(std::ffi::OsStr::from_bytes(name));
        path
    }

    fn list(&self, dir: usize, buffers: &mut Buffers) -> Result<(), RemoteError> {
        let path = Arc::clone(&self.lock().dirs[dir].path);
        let failed =
            |error: rustix::io::Errno| RemoteError::io("read", &self.full_path(&path, b""), &error.into());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let name = if path.is_empty() { &b"."[..] } else { &path };
        let fd = match openat(&self.root, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            // Vanished, or turned into something else, since it was listed.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP)
                if dir != 0 =>
            {
                self.lock().dirs[dir].exists = false;
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        let found = fstat(&fd).map_err(failed)?;
        let meta = meta(found.st_mode, read::stamp(&found).mtime_ns);
        let listed = match self.read_names(&fd, &mut buffers.list) {
            Ok(listed) => listed,
            // Removed since it was opened.
            Err(rustix::io::Errno::NOENT) if dir != 0 => {
                self.lock().dirs[dir].exists = false;
                return Ok(());
            }
            Err(error) => return Err(failed(error)),
        };
        self.read_gitignore(&path, &fd, &listed, buffers)?;

        let takes_all = self.filter.as_ref().is_none_or(|filter| read_lock(filter).takes_all(&*path));
        let (mut subdirs, mut files) = (Vec::new(), Vec::new());
        for (name, kind) in listed {
            let is_dir = kind == FileType::Directory;
            let (taken, descend) =
                if takes_all { (true, true) } else { self.decide(&join(&path, &name), is_dir) };
            if is_dir && (taken || descend) {
                subdirs.push((name, taken));
            } else if !is_dir && taken {
                files.push((name, kind));
            }
        }
        let fd = Arc::new(fd);
        let known = if files.is_empty() { KnownDir::default() } else { self.walk.cache.dir(&path) };
        {
            let mut work = self.lock();
            work.dirs[dir].meta = meta;
            for (name, taken) in subdirs {
                let child = work.dirs.len();
                let path = join(&path, &name).into();
                work.dirs.push(WalkedDir {
                    path,
                    meta: Meta::new(0o755),
                    files: Vec::new(),
                    parent: dir,
                    taken,
                    exists: true,
                });
                work.tasks.push(Task::List(child));
            }
            // On top of the stack, so that the open directory is done with soon.
            while files.len() > CHUNK {
                let names = files.split_off(files.len() - CHUNK);
                work.tasks.push(Task::Files { dir, fd: Arc::clone(&fd), names, known: Arc::clone(&known) });
            }
            if work.tasks.len() > 1 {
                self.changed.notify_all();
            }
        }
        self.files(dir, &fd, &files, &known, buffers)
    }

    /// Names of a directory, without sockets.
    fn read_names(&self, fd: &OwnedFd, buffer: &mut Vec<u8>) -> rustix::io::Result<Vec<Listed>> {
        let mut names = Vec::new();
        let space: &mut [MaybeUninit<u8>] = buffer.spare_capacity_mut();
        let mut entries = RawDir::new(fd, space);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say.
                FileType::Unknown => match stat(fd, name) {
                    Ok(found) => FileType::from_raw_mode(found.stx_mode.into()),
                    Err(rustix::io::Errno::NOENT) => continue,
                    Err(error) => return Err(error),
                },
                kind => kind,
            };
            if kind != FileType::Socket {
                names.push((name.into(), kind));
            }
        }
        Ok(names)
    }

    fn read_gitignore(
        &self,
        path: &[u8],
        fd: &OwnedFd,
        listed: &[Listed],
        buffers: &mut Buffers,
    ) -> Result<(), RemoteError> {
        const NAME: &[u8] = b".gitignore";
        let Some(filter) = &self.filter else { return Ok(()) };
        let has_one = || listed.iter().any(|(name, kind)| &**name == NAME && *kind == FileType::RegularFile);
        if !read_lock(filter).wants_gitignore() || !has_one() {
            return Ok(());
        }
        let failed = |error: io::Error| RemoteError::io("read", &self.full_path(path, NAME), &error);
        if let Opened::File(file, _) = read::open(fd, NAME).map_err(failed)? {
            let length = read::fill(&file, &mut buffers.read, u64::MAX).map_err(failed)?;
            let mut filter = filter.write().unwrap_or_else(PoisonError::into_inner);
            filter.add_gitignore(path, &buffers.read[..length]);
        }
        Ok(())
    }

    /// Whether the entry is taken, and whether something below it may be.
    fn decide(&self, path: &[u8], is_dir: bool) -> (bool, bool) {
        let Some(filter) = &self.filter else { return (true, true) };
        let filter = read_lock(filter);
        (filter.decide(path, is_dir) == Decision::Take, is_dir && filter.may_contain(path))
    }

    fn files(
        &self,
        dir: usize,
        fd: &OwnedFd,
        names: &[Listed],
        known: &KnownDir,
        buffers: &mut Buffers,
    ) -> Result<(), RemoteError> {
        let (mut found, mut hashed) = (Vec::with_capacity(names.len()), 0);
        for (name, kind) in names {
            let failed = |error: io::Error| {
                let dir = Arc::clone(&self.lock().dirs[dir].path);
                RemoteError::io("read", &self.full_path(&dir, name), &error)
            };
            let entry = if known.is_empty() && *kind == FileType::RegularFile {
                // Nothing to compare with: it is read in any case.
                self.read_file(fd, name, buffers, &mut hashed)
            } else {
                self.entry(fd, name, known, buffers, &mut hashed)
            };
            let Some(entry) = entry.map_err(failed)? else { continue };
            found.push(entry);
            if self.walk.cancelled.load(Ordering::Relaxed) {
                return Err(Cancelled.into());
            }
        }
        let mut work = self.lock();
        work.hashed += hashed;
        let files = &mut work.dirs[dir].files;
        if files.is_empty() {
            *files = found;
        } else {
            files.append(&mut found);
        }
        Ok(())
    }

    /// What lies under a name; none if it has vanished.
    fn entry(
        &self,
        fd: &OwnedFd,
        name: &[u8],
        known: &KnownDir,
        buffers: &mut Buffers,
        hashed: &mut usize,
    ) -> io::Result<Option<Found>> {
        let status = match stat(fd, name) {
            Ok(status) => status,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let meta = meta(status.stx_mode.into(), time(&status.stx_mtime));
        let kind = match FileType::from_raw_mode(status.stx_mode.into()) {
            FileType::RegularFile => return self.file(fd, name, &status, known, buffers, hashed),
            FileType::Symlink => match readlinkat(fd, name, Vec::new()) {
                Ok(target) => EntryKind::Symlink {
                    meta: Meta { mode: 0o777, ..meta },
                    target: target.into_bytes().into_boxed_slice(),
                },
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::INVAL) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
            FileType::Fifo => EntryKind::Fifo { meta },
            FileType::CharacterDevice => {
                EntryKind::CharDevice { meta, major: status.stx_rdev_major, minor: status.stx_rdev_minor }
            }
            FileType::BlockDevice => {
                EntryKind::BlockDevice { meta, major: status.stx_rdev_major, minor: status.stx_rdev_minor }
            }
            // Turned into one since it was listed.
            FileType::Directory | FileType::Socket | FileType::Unknown => return Ok(None),
        };
        Ok(Some(Found { entry: Entry { name: name.into(), kind }, stamp: None }))
    }

    fn file(
        &self,
        fd: &OwnedFd,
        name: &[u8],
        status: &Statx,
        known: &KnownDir,
        buffers: &mut Buffers,
        hashed: &mut usize,
    ) -> io::Result<Option<Found>> {
        let stamp = stamp(status);
        if let Some(known) = find(known, name).filter(|known| known.stamp == stamp) {
            return Ok(Some(found_file(name, stamp, stamp.size, known.digest)));
        }
        self.read_file(fd, name, buffers, hashed)
    }

    fn read_file(
        &self,
        fd: &OwnedFd,
        name: &[u8],
        buffers: &mut Buffers,
        hashed: &mut usize,
    ) -> io::Result<Option<Found>> {
        let Opened::File(file, status) = read::open(fd, name)? else { return Ok(None) };
        if buffers.offer.is_full_for(read::stamp(&status).size) {
            self.hand_over(buffers)?;
        }
        let read = buffers.offer.read(&file, &status, &mut buffers.read)?;
        *hashed += 1;
        Ok(Some(found_file(name, read.stamp, read.size, read.digest)))
    }

    fn hand_over(&self, buffers: &mut Buffers) -> Result<(), Cancelled> {
        if (self.walk.on_offer)(std::mem::take(&mut buffers.offer)) { Ok(()) } else { Err(Cancelled) }
    }
}

/// Nobody wants the result any more.
struct Cancelled;

impl From<Cancelled> for io::Error {
    fn from(_: Cancelled) -> Self {
        Self::new(io::ErrorKind::Interrupted, "cancelled")
    }
}

impl From<Cancelled> for RemoteError {
    fn from(_: Cancelled) -> Self {
        Self::new(ErrorCode::Cancelled, "cancelled")
    }
}

/// A directory that has only one file, whose path may be a link to it.
pub(super) fn single_file(
    path: &Path,
    cache: &StatCache,
    on_offer: &dyn Fn(Offer) -> bool,
) -> Result<Walked, RemoteError> {
    let started_ns = now_ns();
    let failed = |error: io::Error| RemoteError::io("read", path, &error);
    let name = path.file_name().map(OsStrExt::as_bytes).unwrap_or_default();
    let is_dir = || RemoteError::io("read", path, &io::ErrorKind::IsADirectory.into());
    if name.is_empty() {
        return Err(is_dir());
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = openat(rustix::fs::CWD, path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
    let status = fstat(&file).map_err(|error| failed(error.into()))?;
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(is_dir()),
        _ => {
            let message = format!("path {} is neither a file nor a directory", path.display());
            return Err(RemoteError::new(ErrorCode::Invalid, message));
        }
    }
    let stamp = read::stamp(&status);
    let known = cache.dir(b"");
    let (found, hashed) = match find(&known, name).filter(|known| known.stamp == stamp) {
        Some(known) => (found_file(name, stamp, stamp.size, known.digest), 0),
        None => {
            let mut offer = Offer::default();
            let read = offer.read(&file, &status, &mut read::buffer()).map_err(failed)?;
            if !offer.is_empty() {
                on_offer(offer);
            }
            (found_file(name, read.stamp, read.size, read.digest), 1)
        }
    };
    let meta = Meta { mtime_ns: stamp.mtime_ns, ..Meta::new(0o755) };
    let dir =
        WalkedDir { path: Arc::default(), meta, files: vec![found], parent: 0, taken: true, exists: true };
    Ok(Walked { dirs: vec![dir], started_ns, hashed, complete: true })
}

struct Buffers {
    list: Vec<u8>,
    read: Vec<u8>,
    offer: Offer,
}

fn read_lock(filter: &RwLock<Filter>) -> std::sync::RwLockReadGuard<'_, Filter> {
    filter.read().unwrap_or_else(PoisonError::into_inner)
}

fn found_file(name: &[u8], stamp: Stamp, size: u64, blob: Digest) -> Found {
    let kind = EntryKind::File { meta: meta(stamp.mode, stamp.mtime_ns), blob, size, link_group: 0 };
    Found { entry: Entry { name: name.into(), kind }, stamp: Some(stamp) }
}

/// Owned by root, whoever owns it on the client.
fn meta(mode: u32, mtime_ns: i64) -> Meta {
    Meta { mtime_ns, ..Meta::new(mode & 0o7777) }
}

fn stat(fd: &OwnedFd, name: &[u8]) -> rustix::io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    statx(fd, name, flags, StatxFlags::BASIC_STATS)
}

fn time(time: &rustix::fs::StatxTimestamp) -> i64 {
    nanoseconds(time.tv_sec, time.tv_nsec.into())
}

fn stamp(status: &Statx) -> Stamp {
    Stamp {
        size: status.stx_size,
        mtime_ns: time(&status.stx_mtime),
        ctime_ns: time(&status.stx_ctime),
        ino: status.stx_ino,
        mode: status.stx_mode.into(),
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

impl Walked {
    /// Builds the nodes, from the leaves up.
    pub fn seal(&mut self) -> Nodes {
        let mut children: Vec<Vec<Entry>> = self.dirs.iter().map(|_| Vec::new()).collect();
        let mut encoded = HashMap::with_capacity(self.dirs.len());
        let mut root = None;
        for at in (0..self.dirs.len()).rev() {
            let dir = &mut self.dirs[at];
            dir.files.sort_unstable_by(|a, b| a.entry.name.cmp(&b.entry.name));
            let mut entries = std::mem::take(&mut children[at]);
            let keep = at == 0 || (dir.exists && (dir.taken || !dir.files.is_empty() || !entries.is_empty()));
            if !keep {
                continue;
            }
            entries.extend(dir.files.iter().map(|found| found.entry.clone()));
            entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            // Of a name that was replaced while it was listed, both may have been seen.
            entries.dedup_by(|a, b| a.name == b.name);
            let (id, bytes) = Node { meta: dir.meta.clone(), entries }.seal();
            encoded.insert(id.stored, bytes);
            if at == 0 {
                root = Some(id);
            } else {
                let name = dir.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().into();
                children[dir.parent].push(Entry { name, kind: EntryKind::Dir(id) });
            }
        }
        // The loop always ends with the root.
        let root = root.unwrap_or_else(|| Node::empty().id());
        Nodes { root, encoded }
    }
}
