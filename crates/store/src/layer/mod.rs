//! Image layers in: entries of an archive, in its order, become an overlay layer and a tree.
//!
//! Entries are hostile input. Which directories exist is known in memory, symbolic links among the parents of a path
//! are resolved there and never by the kernel, so no path leads out of the layer.

mod finish;
mod paths;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use kukri_model::Digest;
use kukri_tree::{EntryKind, Meta};
use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use crate::Store;
use crate::disk::fsutil;
use crate::disk::objects::object_key;
use crate::disk::packs::PACK_LIMIT;
use crate::error::{Result, StoreError};
use crate::ingest::link_group;
use crate::sink::{ObjectRow, Sink};
use crate::store::Inner;

/// Directories kept open.
const MAX_OPEN: usize = 32;

/// Takes the entries of one image layer. Paths are bytes as they stand in the archive: they may be absolute, but one
/// that leads out of the layer by `..` is refused. A later entry replaces an earlier one with the same path. Missing
/// parents are made: like those of the base if it has them, otherwise 0755 and owned by root. Dropped without
/// [`LayerWriter::finish`], it leaves nothing.
#[derive(Debug)]
pub struct LayerWriter {
    inner: Arc<Inner>,
    path: PathBuf,
    root: OwnedFd,
    /// All directories of the layer; the first one is the root. Replaced ones stay here, unreachable.
    dirs: Vec<Dir>,
    open: Vec<(usize, OwnedFd)>,
    sink: Sink,
    foreign: Vec<ForeignLink>,
    buffer: Vec<u8>,
    entries: u64,
    bytes: u64,
}

/// A hard link to a file of a lower layer: directory, name, parts of the target.
type ForeignLink = (usize, Box<[u8]>, Vec<Box<[u8]>>);

#[derive(Debug)]
struct Dir {
    /// `None`: made because a child needs it.
    meta: Option<Meta>,
    children: BTreeMap<Box<[u8]>, Child>,
    opaque: bool,
    parent: usize,
    name: Box<[u8]>,
    depth: usize,
}

#[derive(Debug)]
enum Child {
    Dir(usize),
    Leaf(EntryKind),
    Whiteout,
}

impl Store {
    /// Starts to take an image layer.
    pub fn layer_writer(&self) -> Result<LayerWriter> {
        self.inner.make_room();
        let path = self.inner.layout.fresh_tmp();
        fs::create_dir(&path).map_err(StoreError::io("make", &path))?;
        let root = fsutil::open_dir_path(&path).map_err(StoreError::os("open", &path))?;
        let top = Dir {
            meta: None,
            children: BTreeMap::new(),
            opaque: false,
            parent: 0,
            name: Box::default(),
            depth: 0,
        };
        Ok(LayerWriter {
            inner: Arc::clone(&self.inner),
            path,
            root,
            dirs: vec![top],
            open: Vec::new(),
            sink: Sink::default(),
            foreign: Vec::new(),
            buffer: vec![0; fsutil::CHUNK],
            entries: 0,
            bytes: 0,
        })
    }
}

impl LayerWriter {
    /// A directory; its children stay if it is there already.
    pub fn add_dir(&mut self, path: &[u8], meta: &Meta) -> Result<()> {
        let Some((parent, name)) = self.locate(path)? else {
            self.dirs[0].meta = Some(meta.clone());
            return Ok(());
        };
        let dir = match self.dirs[parent].children.get(&name) {
            Some(Child::Dir(dir)) => *dir,
            _ => self.make_dir(parent, &name).map_err(|error| refused(path, error))?,
        };
        self.dirs[dir].meta = Some(meta.clone());
        Ok(())
    }

    /// A file of `size` bytes. Fewer bytes than announced are an error; more are not read.
    pub fn add_file(&mut self, path: &[u8], meta: &Meta, size: u64, content: &mut dyn Read) -> Result<()> {
        let (parent, name) = self.place(path)?;
        let c_name = fsutil::c_name(&name).map_err(|errno| refused(path, errno.into()))?;
        let dir = self.take_open(parent).map_err(|errno| refused(path, errno.into()))?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = self.write(&dir, &c_name, meta, size, content, &mut buffer);
        self.buffer = buffer;
        let blob = match written {
            Ok(blob) => blob,
            Err(WriteError::Store(error)) => return Err(error),
            Err(WriteError::Io(error)) => return Err(refused(path, error)),
        };
        self.open.push((parent, dir));
        let kind = EntryKind::File { meta: meta.clone(), blob, size, link_group: 0 };
        self.dirs[parent].children.insert(name, Child::Leaf(kind));
        self.entries += 1;
        Ok(())
    }

    fn write(
        &mut self,
        dir: &OwnedFd,
        name: &CString,
        meta: &Meta,
        size: u64,
        content: &mut dyn Read,
        buffer: &mut [u8],
    ) -> std::result::Result<Digest, WriteError> {
        let mut file = fsutil::create(dir, name)?;
        let small = size <= PACK_LIMIT as u64;
        let mut hasher = blake3::Hasher::new();
        let mut left = size;
        let mut last = 0;
        while left > 0 {
            let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            last = fsutil::read_full(content, &mut buffer[..want])?;
            if last < want {
                return Err(std::io::Error::other("the content is shorter than announced").into());
            }
            hasher.update(&buffer[..want]);
            file.write_all(&buffer[..want])?;
            left -= want as u64;
        }
        fsutil::set_meta(&file, meta)?;
        let digest = Digest::from(hasher.finalize());
        if small {
            self.sink.small(&self.inner, digest, &buffer[..last])?;
            self.bytes += size;
        } else {
            let row = ObjectRow { key: object_key(&digest, meta), digest, size };
            self.sink.link(&self.inner, row, dir, name)?;
        }
        Ok(digest)
    }

    /// A symbolic link.
    pub fn add_symlink(&mut self, path: &[u8], meta: &Meta, target: &[u8]) -> Result<()> {
        let kind = EntryKind::Symlink { meta: Meta { mode: 0o777, ..meta.clone() }, target: target.into() };
        self.add_special(path, kind, |dir, name| {
            rustix::fs::symlinkat(target, dir, name)?;
            fsutil::set_meta_at(dir, name, meta, true)
        })
    }

    /// A character device, or with `block` a block device.
    pub fn add_device(
        &mut self,
        path: &[u8],
        meta: &Meta,
        block: bool,
        major: u32,
        minor: u32,
    ) -> Result<()> {
        let (kind, file_type) = if block {
            (EntryKind::BlockDevice { meta: meta.clone(), major, minor }, FileType::BlockDevice)
        } else if (major, minor) == (0, 0) {
            return self.whiteout(path);
        } else {
            (EntryKind::CharDevice { meta: meta.clone(), major, minor }, FileType::CharacterDevice)
        };
        self.add_special(path, kind, |dir, name| {
            let device = rustix::fs::makedev(major, minor);
            rustix::fs::mknodat(dir, name, file_type, Mode::from_raw_mode(0o600), device)?;
            fsutil::set_meta_at(dir, name, meta, false)
        })
    }

    /// A named pipe.
    pub fn add_fifo(&mut self, path: &[u8], meta: &Meta) -> Result<()> {
        self.add_special(path, EntryKind::Fifo { meta: meta.clone() }, |dir, name| {
            rustix::fs::mknodat(dir, name, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
            fsutil::set_meta_at(dir, name, meta, false)
        })
    }

    fn add_special(
        &mut self,
        path: &[u8],
        kind: EntryKind,
        make: impl FnOnce(&OwnedFd, &CString) -> std::result::Result<(), Errno>,
    ) -> Result<()> {
        let (parent, name) = self.place(path)?;
        let made = fsutil::c_name(&name).and_then(|c_name| {
            let dir = self.take_open(parent)?;
            make(&dir, &c_name)?;
            self.open.push((parent, dir));
            Ok(())
        });
        made.map_err(|errno| refused(path, errno.into()))?;
        self.dirs[parent].children.insert(name, Child::Leaf(kind));
        self.entries += 1;
        Ok(())
    }

    /// A hard link to a file of this layer, or of the base.
    pub fn add_hardlink(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        let fail = |errno: Errno| refused(path, errno.into());
        let Some((target_dir, target_name)) = self.find(target)? else {
            let parts = paths::parts(target).map_err(|reason| refused_for(target, reason))?;
            let (parent, name) = self.place(path)?;
            self.foreign.push((parent, name, parts.into_iter().map(Into::into).collect()));
            return Ok(());
        };
        let Some(Child::Leaf(mut kind)) = self.dirs[target_dir].children.get(&target_name).map(Child::leaf)
        else {
            return Err(refused_for(path, "the target of the hard link is a directory"));
        };
        if self.locate(path)? == Some((target_dir, target_name.clone())) {
            return Ok(());
        }
        if let EntryKind::File { blob, link_group: group, .. } = &mut kind
            && *group == 0
        {
            *group = link_group(&self.path_of(target_dir, &target_name), blob);
        }
        let (parent, name) = self.place(path)?;
        let from = self.take_open(target_dir).map_err(fail)?;
        let to = if parent == target_dir { None } else { Some(self.take_open(parent).map_err(fail)?) };
        let (old, new) = (fsutil::c_name(&target_name).map_err(fail)?, fsutil::c_name(&name).map_err(fail)?);
        rustix::fs::linkat(&from, &old, to.as_ref().unwrap_or(&from), &new, AtFlags::empty())
            .map_err(fail)?;
        self.open.push((target_dir, from));
        self.open.extend(to.map(|to| (parent, to)));
        self.dirs[target_dir].children.insert(target_name, Child::Leaf(kind.clone()));
        self.dirs[parent].children.insert(name, Child::Leaf(kind));
        self.entries += 1;
        Ok(())
    }

    /// Hides what the base has at `path` (the path itself, without `.wh.`). What this layer has there stays.
    pub fn whiteout(&mut self, path: &[u8]) -> Result<()> {
        let Some((parent, name)) = self.locate(path)? else { return self.opaque(path) };
        match self.dirs[parent].children.get(&name) {
            Some(&Child::Dir(dir)) => self.dirs[dir].opaque = true,
            Some(_) => {}
            None => {
                self.dirs[parent].children.insert(name, Child::Whiteout);
            }
        }
        Ok(())
    }

    /// Hides what the base has in the directory.
    pub fn opaque(&mut self, dir: &[u8]) -> Result<()> {
        let at = match self.locate(dir)? {
            None => 0,
            Some((parent, name)) => match self.dirs[parent].children.get(&name) {
                Some(Child::Dir(dir)) => *dir,
                _ => self.make_dir(parent, &name).map_err(|error| refused(dir, error))?,
            },
        };
        self.dirs[at].opaque = true;
        Ok(())
    }
}

impl Child {
    fn leaf(&self) -> Self {
        match self {
            Self::Leaf(kind) => Self::Leaf(kind.clone()),
            Self::Dir(dir) => Self::Dir(*dir),
            Self::Whiteout => Self::Whiteout,
        }
    }
}

enum WriteError {
    Io(std::io::Error),
    Store(StoreError),
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for WriteError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn refused(path: &[u8], error: std::io::Error) -> StoreError {
    refused_for(path, error.to_string())
}

fn refused_for(path: &[u8], reason: impl Into<String>) -> StoreError {
    StoreError::LayerEntry { path: String::from_utf8_lossy(path).into_owned(), reason: reason.into() }
}

impl Drop for LayerWriter {
    fn drop(&mut self) {
        let _ = self.inner.layout.discard(&self.path);
    }
}
