//! Builds an overlay layer from a tree, or from the difference of two trees.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use kukri_model::Digest;
use kukri_tree::{Entry, EntryKind, Meta, Node, NodeReader as _, cancel};
use rustix::fs::{AtFlags, FileType, Mode, XattrFlags};
use rustix::io::Errno;

use crate::disk::fsutil;
use crate::disk::layout::object_name;
use crate::disk::objects::{object_key, raw_key};
use crate::disk::packs::PACK_LIMIT;
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::sink::{ObjectRow, Sink};
use crate::store::Inner;

/// Directories nested deeper are refused: every level holds a file descriptor and stack.
pub(crate) const MAX_DEPTH: usize = 512;

/// Builds one layer.
pub(crate) struct Placer<'a> {
    inner: &'a Inner,
    /// Where the layer is built.
    path: PathBuf,
    root: OwnedFd,
    /// Objects whose rows are to be written.
    pub(crate) sink: Sink,
    /// Path of the directory that is being filled, from the root of the layer, each part ending in `/`.
    at: Vec<u8>,
    /// First name of every group of hard links.
    groups: HashMap<u64, (Vec<u8>, Digest, Meta)>,
    /// Objects linked already. Two files that are equal by chance must not become one inode: `cp -a` would make hard
    /// links of them.
    used: HashSet<Digest>,
    pub(crate) entries: u64,
    /// Bytes of files that are not shared with objects.
    pub(crate) bytes: u64,
}

impl<'a> Placer<'a> {
    /// Fills the directory `path`, which must exist.
    pub(crate) fn new(inner: &'a Inner, path: &Path) -> Result<Self> {
        let root = fsutil::open_dir_path(path).map_err(StoreError::os("open", path))?;
        Ok(Self {
            inner,
            path: path.to_owned(),
            root,
            sink: Sink::default(),
            at: Vec::new(),
            groups: HashMap::new(),
            used: HashSet::new(),
            entries: 0,
            bytes: 0,
        })
    }

    /// Writes `new`, or what turns `base` into `new`.
    pub(crate) fn tree(&mut self, new: &Digest, base: Option<&Digest>) -> Result<()> {
        let node = self.inner.node(new)?;
        let base = base.map(|base| self.inner.node(base)).transpose()?;
        let root = fsutil::open_dir_path(&self.path).map_err(StoreError::os("open", &self.path))?;
        self.dir(&root, &node, base.as_deref(), 0)
    }

    fn fail(&self, action: &'static str, name: &CStr) -> impl FnOnce(Errno) -> StoreError + use<> {
        let mut path = self.at.clone();
        path.extend_from_slice(name.to_bytes());
        StoreError::os(action, self.path.join(String::from_utf8_lossy(&path).as_ref()))
    }

    fn dir(&mut self, dir: &OwnedFd, new: &Node, base: Option<&Node>, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(StoreError::TooDeep { path: String::from_utf8_lossy(&self.at).into_owned() });
        }
        let mut old = base.map(|node| &node.entries[..]).unwrap_or_default();
        for entry in &new.entries {
            cancel::check()?;
            while let Some((first, rest)) = old.split_first() {
                match first.name.cmp(&entry.name) {
                    Ordering::Less => self.whiteout(dir, first)?,
                    Ordering::Equal | Ordering::Greater => break,
                }
                old = rest;
            }
            let same = old.first().filter(|first| first.name == entry.name);
            if same.is_some() {
                old = &old[1..];
            }
            if same != Some(entry) {
                self.entry(dir, entry, same, depth)?;
            }
        }
        for gone in old {
            self.whiteout(dir, gone)?;
        }
        fsutil::reset_meta(dir, &new.meta).map_err(self.fail("set the metadata of", c""))
    }

    fn whiteout(&mut self, dir: &OwnedFd, entry: &Entry) -> Result<()> {
        self.entries += 1;
        let name = fsutil::c_name(&entry.name).map_err(self.fail("make", c"?"))?;
        fsutil::make_whiteout(dir, &name).map_err(self.fail("make whiteout", &name))
    }

    fn entry(&mut self, dir: &OwnedFd, entry: &Entry, old: Option<&Entry>, depth: usize) -> Result<()> {
        let name = fsutil::c_name(&entry.name).map_err(self.fail("make", c"?"))?;
        let EntryKind::Dir(id) = &entry.kind else { return self.leaf(dir, &name, &entry.kind) };
        self.entries += 1;
        rustix::fs::mkdirat(dir, &name, Mode::from_raw_mode(0o700)).map_err(self.fail("make", &name))?;
        let child = fsutil::open_dir(dir, &name).map_err(self.fail("open", &name))?;
        let base = match old.map(|old| &old.kind) {
            Some(EntryKind::Dir(old)) => Some(self.inner.node(&old.stored)?),
            Some(_) => {
                let opaque = self.inner.config.overlay_xattr.opaque();
                rustix::fs::fsetxattr(&child, opaque, b"y", XattrFlags::empty())
                    .map_err(self.fail("mark as opaque", &name))?;
                None
            }
            None => None,
        };
        let node = self.inner.node(&id.stored)?;
        let len = self.at.len();
        self.at.extend_from_slice(&entry.name);
        self.at.push(b'/');
        let done = self.dir(&child, &node, base.as_deref(), depth + 1);
        self.at.truncate(len);
        done
    }

    /// Makes anything but a directory.
    pub(crate) fn leaf(&mut self, dir: &OwnedFd, name: &CStr, kind: &EntryKind) -> Result<()> {
        self.entries += 1;
        let fail = |this: &Self| this.fail("make", name);
        let (file_type, meta, device) = match kind {
            EntryKind::File { meta, blob, size, link_group } => {
                return self.file(dir, name, meta, blob, *size, *link_group);
            }
            EntryKind::Symlink { meta, target } => {
                rustix::fs::symlinkat(&**target, dir, name).map_err(fail(self))?;
                return fsutil::set_meta_at(dir, name, meta, true).map_err(fail(self));
            }
            EntryKind::CharDevice { meta, major, minor } => {
                (FileType::CharacterDevice, meta, rustix::fs::makedev(*major, *minor))
            }
            EntryKind::BlockDevice { meta, major, minor } => {
                (FileType::BlockDevice, meta, rustix::fs::makedev(*major, *minor))
            }
            EntryKind::Fifo { meta } => (FileType::Fifo, meta, 0),
            EntryKind::Dir(_) => return Ok(()),
        };
        rustix::fs::mknodat(dir, name, file_type, Mode::from_raw_mode(0o600), device).map_err(fail(self))?;
        fsutil::set_meta_at(dir, name, meta, false).map_err(fail(self))
    }

    fn file(
        &mut self,
        dir: &OwnedFd,
        name: &CStr,
        meta: &Meta,
        blob: &Digest,
        size: u64,
        group: u64,
    ) -> Result<()> {
        if group != 0 {
            if let Some((first, same_blob, same_meta)) = self.groups.get(&group)
                && same_blob == blob
                && same_meta == meta
            {
                return rustix::fs::linkat(&self.root, &first[..], dir, name, AtFlags::empty())
                    .map_err(self.fail("link", name));
            }
            let path = [&self.at[..], name.to_bytes()].concat();
            self.groups.entry(group).or_insert_with(|| (path, *blob, meta.clone()));
        }
        if size <= PACK_LIMIT as u64 {
            self.small(dir, name, meta, blob, size)
        } else {
            self.large(dir, name, meta, blob, size)
        }
    }

    fn small(&mut self, dir: &OwnedFd, name: &CStr, meta: &Meta, blob: &Digest, size: u64) -> Result<()> {
        let content = if size == 0 { Some(Vec::new()) } else { self.inner.read_packed(blob)? };
        let Some(content) = content else {
            return Err(self.inner.lost_blob(blob));
        };
        let mut file = fsutil::create(dir, name).map_err(self.fail("make", name))?;
        file.write_all(&content).map_err(|error| self.io("write", name, error))?;
        fsutil::set_meta(&file, meta).map_err(self.fail("set the metadata of", name))?;
        self.bytes += size;
        Ok(())
    }

    fn io(&self, action: &'static str, name: &CStr, error: std::io::Error) -> StoreError {
        let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
        self.fail(action, name)(errno)
    }

    fn large(&mut self, dir: &OwnedFd, name: &CStr, meta: &Meta, blob: &Digest, size: u64) -> Result<()> {
        let key = object_key(blob, meta);
        let row = ObjectRow { key, digest: *blob, size };
        self.inner.touch([blob, &key]);
        if !self.used.insert(key) {
            self.copy(dir, name, meta, blob)?;
            self.bytes += size;
            return Ok(());
        }
        let object = object_name(&key);
        if self.inner.has_sound_object(&key, blob)? {
            let objects = self.inner.layout.objects();
            // Commands read it unchecked. After a loss of power it may lack what was written last.
            let whole = match rustix::fs::statat(objects, &object, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) if found.st_size as u64 == size => Ok(()),
                Ok(_) => Err(Errno::NOENT),
                Err(errno) => Err(errno),
            };
            match whole.and_then(|()| rustix::fs::linkat(objects, &object, dir, name, AtFlags::empty())) {
                Ok(()) => return Ok(()),
                // All links of this inode are in use: go on with a copy as the object.
                Err(Errno::MLINK) => {
                    self.copy(dir, name, meta, blob)?;
                    self.replace_object(dir, name, &key)?;
                    self.sink.again(row);
                    return Ok(());
                }
                Err(Errno::NOENT) => self.inner.drop_object(&key)?,
                Err(errno) => return Err(self.fail("link", name)(errno)),
            }
        }
        if !self.adopt(dir, name, meta, &row)? {
            self.copy(dir, name, meta, blob)?;
            self.sink.link(self.inner, row, dir, name)?;
        }
        Ok(())
    }

    /// Writes a file of its own.
    fn copy(&mut self, dir: &OwnedFd, name: &CStr, meta: &Meta, blob: &Digest) -> Result<()> {
        let Some((from, _)) = self.inner.open_object(blob)? else {
            return Err(self.inner.lost_blob(blob));
        };
        let to: File = fsutil::create(dir, name).map_err(self.fail("make", name))?;
        fsutil::copy_all(&from, &to).map_err(|error| self.io("write", name, error))?;
        fsutil::set_meta(&to, meta).map_err(self.fail("set the metadata of", name))
    }

    fn replace_object(&self, dir: &OwnedFd, name: &CStr, key: &Digest) -> Result<()> {
        let (objects, fresh) = (self.inner.layout.objects(), self.inner.layout.fresh_tmp());
        rustix::fs::linkat(dir, name, rustix::fs::CWD, &fresh, AtFlags::empty())
            .and_then(|()| rustix::fs::renameat(rustix::fs::CWD, &fresh, objects, object_name(key)))
            .map_err(self.fail("make an object of", name))
    }

    /// A content that came without metadata has a file whose metadata means nothing: give it this one instead of
    /// copying. Whether there was such a file.
    fn adopt(&mut self, dir: &OwnedFd, name: &CStr, meta: &Meta, row: &ObjectRow) -> Result<bool> {
        let raw = raw_key(&row.digest);
        let _one = lock(&self.inner.adopting);
        if !self.inner.has_sound_object(&raw, &row.digest)? {
            return Ok(false);
        }
        let (objects, from) = (self.inner.layout.objects(), object_name(&raw));
        let Ok(file) = fsutil::open_file(objects, &from) else { return Ok(false) };
        fsutil::reset_meta(&file, meta).map_err(self.fail("set the metadata of", name))?;
        rustix::fs::linkat(objects, &from, dir, name, AtFlags::empty()).map_err(self.fail("link", name))?;
        // The new name first, then the index in one step, then the old name: whenever this stops, the index names a
        // file that is there.
        self.sink.link(self.inner, *row, dir, name)?;
        self.sink.finish(self.inner, crate::sink::Rows::default())?;
        self.inner.drop_name(&raw)?;
        Ok(true)
    }
}
