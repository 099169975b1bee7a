//! Which files are known from an earlier walk, so that they need not be read again.
//!
//! One file per walked root. An entry is believed only if size, times, inode and mode are what they were. Files whose
//! times are so fresh that a later change could leave them the same ("racily clean") are not remembered at all.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use kukri_model::Digest;

const MAGIC: &[u8; 8] = b"KUKRIST1";
/// Most roots that are remembered; the longest unused ones are forgotten.
const MAX_FILES: usize = 200;
/// A file changed this shortly before the walk may change again within the same tick of the file system's clock.
const FINE_SLACK_NS: i64 = 50_000_000;
/// The same for file systems that count whole seconds.
const COARSE_SLACK_NS: i64 = 2_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;

/// What tells whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stamp {
    pub size: u64,
    pub mtime_ns: i64,
    pub ctime_ns: i64,
    pub ino: u64,
    pub mode: u32,
}

impl Stamp {
    /// Whether a change after `walk_start_ns` is sure to leave another stamp.
    pub fn is_settled(&self, walk_start_ns: i64) -> bool {
        let slack = if self.ctime_ns % SECOND_NS == 0 { COARSE_SLACK_NS } else { FINE_SLACK_NS };
        self.ctime_ns.max(self.mtime_ns) < walk_start_ns - slack
    }
}

/// A file of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub name: Box<[u8]>,
    pub stamp: Stamp,
    pub digest: Digest,
}

/// The files of one directory, sorted by name.
pub(super) type KnownDir = Arc<Vec<Known>>;

/// What is known of one root.
#[derive(Debug, Default)]
pub(super) struct StatCache {
    bytes: Vec<u8>,
    /// Where each directory's records lie.
    dirs: HashMap<Box<[u8]>, (usize, usize)>,
}

impl StatCache {
    /// Reads the cache of `root`. A missing or damaged file is an empty cache.
    pub fn load(cache_dir: &Path, root: &Path) -> Self {
        fs::read(file_of(cache_dir, root)).ok().and_then(|bytes| Self::parse(bytes, root)).unwrap_or_default()
    }

    fn parse(bytes: Vec<u8>, root: &Path) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(Digest::LEN)?)?;
        if Digest::of(body).as_bytes() != sum {
            return None;
        }
        let mut input = Input { bytes: body, at: 0 };
        if input.take(MAGIC.len())? != MAGIC || input.long_bytes()? != root.as_os_str().as_bytes() {
            return None;
        }
        let mut dirs = HashMap::new();
        while input.at < body.len() {
            let path = input.long_bytes()?.into();
            let length = input.number()? as usize;
            let start = input.at;
            input.take(length)?;
            dirs.insert(path, (start, input.at));
        }
        Some(Self { bytes, dirs })
    }

    /// The files of one directory (path from the root).
    pub fn dir(&self, path: &[u8]) -> KnownDir {
        let Some((start, end)) = self.dirs.get(path) else { return KnownDir::default() };
        let mut input = Input { bytes: &self.bytes[..*end], at: *start };
        let mut files = Vec::new();
        while input.at < *end {
            let Some(known) = input.known() else { break };
            files.push(known);
        }
        Arc::new(files)
    }

    /// Paths of all directories.
    pub fn dir_paths(&self) -> impl Iterator<Item = &[u8]> {
        self.dirs.keys().map(|path| &**path)
    }
}

/// The time as file systems count it.
pub(super) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Looks a file up.
pub(super) fn find<'a>(dir: &'a KnownDir, name: &[u8]) -> Option<&'a Known> {
    dir.binary_search_by(|known| (*known.name).cmp(name)).ok().map(|at| &dir[at])
}

/// Writes a new cache, directory by directory.
pub(super) struct StatCacheWriter {
    out: Vec<u8>,
}

impl StatCacheWriter {
    pub fn new(root: &Path) -> Self {
        let mut out = MAGIC.to_vec();
        put_bytes(&mut out, root.as_os_str().as_bytes());
        Self { out }
    }

    /// Adds a directory; `files` sorted by name.
    pub fn dir<'a>(&mut self, path: &[u8], files: impl Iterator<Item = (&'a [u8], Stamp, Digest)>) {
        let before = self.out.len();
        put_bytes(&mut self.out, path);
        let length_at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        for (name, stamp, digest) in files {
            self.out.push(name.len() as u8);
            self.out.extend_from_slice(name);
            self.out.extend_from_slice(&stamp.size.to_le_bytes());
            self.out.extend_from_slice(&stamp.mtime_ns.to_le_bytes());
            self.out.extend_from_slice(&stamp.ctime_ns.to_le_bytes());
            self.out.extend_from_slice(&stamp.ino.to_le_bytes());
            self.out.extend_from_slice(&stamp.mode.to_le_bytes());
            self.out.extend_from_slice(digest.as_bytes());
        }
        let length = self.out.len() - length_at - 4;
        if length == 0 {
            self.out.truncate(before);
        } else {
            self.out[length_at..length_at + 4].copy_from_slice(&(length as u32).to_le_bytes());
        }
    }

    /// Replaces the file, atomically.
    pub fn save(mut self, cache_dir: &Path, root: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(cache_dir)?;
        let sum = Digest::of(&self.out);
        self.out.extend_from_slice(sum.as_bytes());
        let path = file_of(cache_dir, root);
        if !path.exists() {
            prune(cache_dir)?;
        }
        let unique = now_ns();
        let temporary = path.with_extension(format!("{}-{unique}.tmp", std::process::id()));
        let result = fs::File::create_new(&temporary)
            .and_then(|mut file| file.write_all(&self.out))
            .and_then(|()| fs::rename(&temporary, &path));
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result
    }
}

/// Makes room for one more root. Temporary files that a killed process has left grow old here too.
fn prune(cache_dir: &Path) -> io::Result<()> {
    let mut files: Vec<_> = fs::read_dir(cache_dir)?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let found = entry.metadata().ok()?;
            found.is_file().then(|| Some((found.modified().ok()?, entry.path()))).flatten()
        })
        .collect();
    if files.len() >= MAX_FILES {
        files.sort();
        for (_, path) in &files[..=files.len() - MAX_FILES] {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

fn file_of(cache_dir: &Path, root: &Path) -> PathBuf {
    cache_dir.join(format!("{}.stat", &Digest::of(root.as_os_str().as_bytes()).hex()[..32]))
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn wide(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn long_bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        self.take(length)
    }

    fn known(&mut self) -> Option<Known> {
        let length = usize::from(*self.take(1)?.first()?);
        let name = self.take(length)?.into();
        let (size, mtime_ns) = (self.wide()?, self.wide()? as i64);
        let (ctime_ns, ino) = (self.wide()? as i64, self.wide()?);
        let mode = self.number()?;
        let digest = Digest::from_slice(self.take(Digest::LEN)?)?;
        Some(Known { name, stamp: Stamp { size, mtime_ns, ctime_ns, ino, mode }, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(n: u64) -> Stamp {
        Stamp { size: n, mtime_ns: -5, ctime_ns: 7, ino: u64::MAX, mode: 0o100_644 }
    }

    fn written(dir: &Path, root: &Path) -> PathBuf {
        let mut writer = StatCacheWriter::new(root);
        writer.dir(
            b"",
            [(&b"a"[..], stamp(1), Digest::of(b"1")), (b"b", stamp(2), Digest::of(b"2"))].into_iter(),
        );
        writer.dir(b"empty", std::iter::empty());
        writer.dir(b"x/y", [(&b"z\xff"[..], stamp(3), Digest::of(b"3"))].into_iter());
        writer.save(dir, root).unwrap();
        file_of(dir, root)
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path(), Path::new("/r"));
        let cache = StatCache::load(dir.path(), Path::new("/r"));
        assert_eq!(find(&cache.dir(b""), b"b").unwrap().stamp, stamp(2));
        assert_eq!(find(&cache.dir(b"x/y"), b"z\xff").unwrap().digest, Digest::of(b"3"));
        assert!(find(&cache.dir(b""), b"c").is_none() && cache.dir(b"empty").is_empty());
        assert!(StatCache::load(dir.path(), Path::new("/other")).dirs.is_empty());
    }

    #[test]
    fn damage_makes_an_empty_cache() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path(), Path::new("/r"));
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            assert!(StatCache::parse(bad, Path::new("/r")).is_none(), "byte {at}");
            assert!(StatCache::parse(bytes[..at].to_vec(), Path::new("/r")).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn fresh_files_are_not_settled() {
        let now = 1_800_000_000 * SECOND_NS + 5;
        let at = |ns| Stamp { ctime_ns: ns, ..stamp(1) };
        assert!(!at(now).is_settled(now));
        assert!(!at(now - FINE_SLACK_NS / 2).is_settled(now));
        assert!(at(now - 2 * FINE_SLACK_NS).is_settled(now));
        assert!(!at(now - 5 - SECOND_NS).is_settled(now), "whole seconds need more distance");
        assert!(!Stamp { mtime_ns: now + 1, ..at(0) }.is_settled(now), "a time in the future");
    }

    #[test]
    fn only_so_many_roots_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..MAX_FILES + 20 {
            written(dir.path(), Path::new(&format!("/r{n}")));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), MAX_FILES);
        let newest = PathBuf::from(format!("/r{}", MAX_FILES + 19));
        assert!(!StatCache::load(dir.path(), &newest).dirs.is_empty());
    }
}
