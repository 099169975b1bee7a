//! File system calls with our own types.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use kukri_model::Digest;
use kukri_tree::{Meta, Xattrs};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RawDir, Stat, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;

use crate::config::OverlayXattr;

/// Most bytes read or written at once.
pub(crate) const CHUNK: usize = 256 << 10;

/// Opens a directory for reading and as an anchor of other calls.
pub(crate) fn open_dir(dir: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(
        dir,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

/// Opens a directory by path.
pub(crate) fn open_dir_path(path: &std::path::Path) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Makes a file that must not exist yet.
pub(crate) fn create(dir: impl AsFd, name: &CStr) -> Result<File, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o600)).map(File::from)
}

/// Opens a file for reading; never follows a link, never blocks on a pipe.
pub(crate) fn open_file(dir: impl AsFd, name: &CStr) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty()).map(File::from)
}

/// The digest of what there is to be read from here on. None: `stop` said so.
pub(crate) fn digest_of(file: &mut File, stop: &dyn Fn() -> bool) -> io::Result<Option<Digest>> {
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; CHUNK]);
    while !stop() {
        match file.read(&mut buffer)? {
            0 => return Ok(Some(Digest::from(hasher.finalize()))),
            count => hasher.update(&buffer[..count]),
        };
    }
    Ok(None)
}

/// Name and type of everything in a directory, sorted by name.
pub(crate) fn list(dir: impl AsFd) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut buffer = Vec::with_capacity(16 << 10);
    let mut names = Vec::new();
    let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push((name.to_owned(), entry.file_type()));
        }
    }
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(names)
}

/// A name as the kernel wants it. Names with NUL do not occur in trees that were decoded.
pub(crate) fn c_name(name: &[u8]) -> Result<CString, Errno> {
    CString::new(name).map_err(|_| Errno::INVAL)
}

fn times(mtime_ns: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime_ns.div_euclid(1_000_000_000),
        tv_nsec: mtime_ns.rem_euclid(1_000_000_000) as _,
    };
    Timestamps { last_access: time, last_modification: time }
}

/// Modification time of a `stat`, nanoseconds since 1970.
pub(crate) fn mtime_ns(stat: &Stat) -> i64 {
    stat.st_mtime.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64)
}

/// Gives an open file or directory its metadata. `fresh` files belong to this process's user already.
pub(crate) fn set_meta(file: impl AsFd, meta: &Meta) -> Result<(), Errno> {
    let file = file.as_fd();
    let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    if (meta.uid, meta.gid) != owner {
        rustix::fs::fchown(file, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)))?;
    }
    // After the owner: changing that clears the set-user-id bit.
    rustix::fs::fchmod(file, Mode::from_raw_mode(meta.mode))?;
    for (name, value) in &meta.xattrs {
        rustix::fs::fsetxattr(file, &**name, value, XattrFlags::empty())?;
    }
    rustix::fs::futimens(file, &times(meta.mtime_ns))
}

/// Like [`set_meta`], also for directories that existed before and may have another owner.
pub(crate) fn reset_meta(file: impl AsFd, meta: &Meta) -> Result<(), Errno> {
    rustix::fs::fchown(&file, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)))?;
    set_meta(file, meta)
}

/// Sets only the modification time of a directory.
pub(crate) fn set_mtime(dir: impl AsFd, mtime_ns: i64) -> Result<(), Errno> {
    rustix::fs::futimens(dir, &times(mtime_ns))
}

/// Gives something that cannot be opened (link, device, pipe) its metadata.
pub(crate) fn set_meta_at(dir: impl AsFd, name: &CStr, meta: &Meta, symlink: bool) -> Result<(), Errno> {
    let dir = dir.as_fd();
    let (uid, gid) = (Uid::from_raw(meta.uid), Gid::from_raw(meta.gid));
    rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    if !symlink {
        rustix::fs::chmodat(dir, name, Mode::from_raw_mode(meta.mode), AtFlags::empty())?;
    }
    if !meta.xattrs.is_empty() {
        let path = proc_path(dir, name)?;
        for (key, value) in &meta.xattrs {
            rustix::fs::lsetxattr(&path, &**key, value, XattrFlags::empty())?;
        }
    }
    rustix::fs::utimensat(dir, name, &times(meta.mtime_ns), AtFlags::SYMLINK_NOFOLLOW)
}

/// A path to `name` in the open directory, for calls that have no `at` form.
fn proc_path(dir: impl AsFd, name: &CStr) -> Result<CString, Errno> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    CString::new(path).map_err(|_| Errno::INVAL)
}

/// Makes an overlay whiteout.
pub(crate) fn make_whiteout(dir: impl AsFd, name: &CStr) -> Result<(), Errno> {
    rustix::fs::mknodat(dir, name, FileType::CharacterDevice, Mode::empty(), 0)
}

/// Extended attributes of a file as found: those that belong to the file, and overlay's own marks.
#[derive(Debug, Default)]
pub(crate) struct FoundXattrs {
    pub(crate) own: Xattrs,
    /// Complete names and values.
    pub(crate) overlay: Xattrs,
}

impl FoundXattrs {
    /// The value of overlay's mark NAME.
    pub(crate) fn overlay(&self, name: &str) -> Option<&[u8]> {
        let is_it =
            |key: &[u8]| key.strip_suffix(name.as_bytes()).is_some_and(|start| start.ends_with(b".overlay."));
        self.overlay.iter().find(|(key, _)| is_it(key)).map(|(_, value)| &**value)
    }

    fn add(&mut self, name: &[u8], value: Vec<u8>, marks: OverlayXattr) {
        // The host's security labels describe the host's place of the file, not the file.
        if name == b"security.selinux" || name == b"security.ima" || name == b"security.evm" {
            return;
        }
        let overlay = name.starts_with(marks.prefix().as_bytes());
        let list = if overlay { &mut self.overlay } else { &mut self.own };
        list.push((name.into(), value.into()));
    }

    fn sorted(mut self) -> Self {
        self.own.sort_unstable();
        self
    }
}

/// Attributes of an open file or directory.
pub(crate) fn xattrs(file: impl AsFd, marks: OverlayXattr) -> Result<FoundXattrs, Errno> {
    let file = file.as_fd();
    let list = |buffer: &mut [u8]| rustix::fs::flistxattr(file, buffer);
    let get = |name: &[u8], buffer: &mut [u8]| rustix::fs::fgetxattr(file, name, buffer);
    read_xattrs(list, get, marks)
}

/// Attributes of something that cannot be opened.
pub(crate) fn xattrs_at(dir: impl AsFd, name: &CStr, marks: OverlayXattr) -> Result<FoundXattrs, Errno> {
    let path = proc_path(dir, name)?;
    let list = |buffer: &mut [u8]| rustix::fs::llistxattr(&path, buffer);
    let get = |name: &[u8], buffer: &mut [u8]| rustix::fs::lgetxattr(&path, name, buffer);
    read_xattrs(list, get, marks)
}

fn read_xattrs(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
    marks: OverlayXattr,
) -> Result<FoundXattrs, Errno> {
    let mut found = FoundXattrs::default();
    let mut small = [0_u8; 512];
    let names = match list(&mut small) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(found),
        Ok(len) => small[..len].to_vec(),
        Err(Errno::RANGE) => grow(&list)?,
        Err(errno) => return Err(errno),
    };
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = [0_u8; 512];
        match get(name, &mut value) {
            Ok(len) => found.add(name, value[..len].to_vec(), marks),
            Err(Errno::RANGE) => found.add(name, grow(|buffer: &mut [u8]| get(name, buffer))?, marks),
            Err(Errno::NODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(found.sorted())
}

fn grow(read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    // The kernel allows 64 KiB for a list and for a value.
    let mut buffer = vec![0; 64 << 10];
    let len = read(&mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

/// The metadata in a `stat`, without attributes.
pub(crate) fn meta_of(stat: &Stat, xattrs: Xattrs) -> Meta {
    Meta { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid, mtime_ns: mtime_ns(stat), xattrs }
}

/// Reads until the buffer is full or the input ends; how many bytes it got.
pub(crate) fn read_full(input: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match input.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Copies everything from one file into another, inside the kernel where that is possible.
pub(crate) fn copy_all(from: &File, to: &File) -> io::Result<u64> {
    if rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(from.metadata()?.len());
    }
    let (mut from, mut to) = (from, to);
    io::copy(&mut from, &mut to)
}
