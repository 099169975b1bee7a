//! Overlay upper directories: made for an exec, turned into trees afterwards.
//!
//! Only what the upper holds is looked at, so a commit costs what changed. The upper itself becomes the topmost layer of
//! the new tree's stack: nothing is copied.
//!
//! What counts as a change: an entry made, removed or replaced; a file's content, mode, owner, attributes or time. The
//! time of a *directory* alone does not: it changes when a child is made and removed again, which leaves no trace.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukri_tree::{Entry, EntryKind, Meta, Node, NodeReader as _, TreeId};
use rustix::fs::{AtFlags, FileType, Stat};
use rustix::io::Errno;

use crate::Store;
use crate::disk::fsutil::{self, FoundXattrs};
use crate::error::{Result, StoreError};
use crate::ingest::{link_group, take_file};
use crate::materialise::Stack;
use crate::place::MAX_DEPTH;
use crate::share::Shared;
use crate::sink::{Rows, Sink};
use crate::store::Inner;

/// An upper and a work directory; removed when dropped.
#[derive(Debug)]
pub struct Workspace {
    inner: Arc<Inner>,
    dir: PathBuf,
    upper: PathBuf,
    work: PathBuf,
}

impl Workspace {
    /// The upper directory.
    #[must_use]
    pub fn upper(&self) -> &Path {
        &self.upper
    }

    /// The work directory, on the same file system.
    #[must_use]
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Puts an empty file over what `base` has at `dir/name`, before anything is mounted. `dir` is a directory of `base`
    /// with this metadata, which it keeps. Once the file is gone again, nothing has changed.
    pub fn cover(&self, dir: &str, meta: &Meta, name: &str) -> Result<()> {
        let dir = self.upper.join(dir);
        if !dir.is_dir() {
            fs::create_dir(&dir).map_err(StoreError::io("make", &dir))?;
        }
        let file = dir.join(name);
        fs::write(&file, "").map_err(StoreError::io("make", &file))?;
        fsutil::open_dir_path(&dir)
            .and_then(|opened| fsutil::reset_meta(opened, meta))
            .map_err(StoreError::os("set the metadata of", &dir))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = self.inner.layout.discard(&self.dir) {
            tracing::warn!(%error, "a workspace stays until the next start");
        }
    }
}

impl Store {
    /// Fresh upper and work directories for one overlay mount over `base`. The upper gets the metadata of the root of
    /// `base` (of an empty tree if `None`), because overlay shows that of the upper.
    pub fn workspace(&self, base: Option<&TreeId>) -> Result<Workspace> {
        let meta = match base {
            Some(base) => self.inner.node(&base.stored)?.meta.clone(),
            None => Node::empty().meta,
        };
        self.inner.make_room();
        let dir = self.inner.layout.fresh_work();
        let (upper, work) = (dir.join("upper"), dir.join("work"));
        let workspace = Workspace { inner: Arc::clone(&self.inner), dir, upper, work };
        for path in [&workspace.dir, &workspace.upper, &workspace.work] {
            fs::create_dir(path).map_err(StoreError::io("make", path))?;
        }
        let upper = fsutil::open_dir_path(&workspace.upper);
        upper
            .and_then(|upper| fsutil::set_meta(upper, &meta))
            .map_err(StoreError::os("set the metadata of", &workspace.upper))?;
        Ok(workspace)
    }

    /// Turns an upper directory, which must not be mounted any more, into a tree over `base`. Without an effective
    /// change this is `base` itself.
    pub fn commit_upper(&self, base: &TreeId, workspace: Workspace) -> Result<TreeId> {
        let inner = &*self.inner;
        let _lease = self.lease(base);
        let node = inner.node(&base.stored)?;
        let upper = &workspace.upper;
        let mut commit = Commit {
            inner,
            upper,
            sink: Sink::default(),
            rows: Rows::default(),
            links: HashMap::new(),
            at: Vec::new(),
            entries: 0,
            bytes: 0,
        };
        let root = fsutil::open_dir_path(upper).map_err(StoreError::os("open", upper))?;
        let Some(tree) = commit.dir(&root, Some(&node), 0)? else { return Ok(*base) };
        if tree == *base {
            return Ok(tree);
        }
        let Commit { mut sink, rows, entries, bytes, .. } = commit;
        inner.touch([&tree.stored]);
        let shared = Shared::find(inner, std::mem::take(&mut sink.shared), &tree, &rows)?;
        let _gate = inner.enter();
        match inner.stack(&base.stored)? {
            // The same tree was made before: one stack is enough.
            Some(_) if inner.stack(&tree.stored)?.is_some() => {
                sink.flush(inner, rows, |_| Ok(()))?;
            }
            Some(below) => {
                let bytes = bytes + shared.link(inner, upper)?;
                let layer = inner.add_layer(upper, entries, bytes)?;
                let layers = [vec![layer.id], below.layers.clone()].concat();
                let stack = Stack { layers, parent: Some(base.stored) };
                inner.record(&mut sink, rows, &tree, layer, &stack)?;
            }
            None => sink.flush(inner, rows, |_| Ok(()))?,
        }
        Ok(tree)
    }
}

struct Commit<'a> {
    inner: &'a Inner,
    upper: &'a Path,
    sink: Sink,
    rows: Rows,
    /// Files with several names, by inode.
    links: HashMap<u64, EntryKind>,
    /// Path of the directory that is being read, each part ending in `/`.
    at: Vec<u8>,
    entries: u64,
    bytes: u64,
}

/// A node that is copied when it is changed first.
struct Draft<'a> {
    base: Option<&'a Node>,
    changed: Option<Node>,
}

impl Draft<'_> {
    fn old(&self, name: &[u8]) -> Option<&Entry> {
        self.base.and_then(|base| base.get(name))
    }

    fn edit(&mut self) -> &mut Node {
        self.changed.get_or_insert_with(|| self.base.cloned().unwrap_or_else(Node::empty))
    }
}

impl Commit<'_> {
    fn path(&self, name: &CStr) -> PathBuf {
        let mut path = self.at.clone();
        path.extend_from_slice(name.to_bytes());
        self.upper.join(String::from_utf8_lossy(&path).as_ref())
    }

    fn fail(&self, action: &'static str, name: &CStr) -> impl FnOnce(Errno) -> StoreError + use<> {
        StoreError::os(action, self.path(name))
    }

    /// Reads one directory. `None`: nothing changed.
    fn dir(&mut self, dir: &OwnedFd, base: Option<&Node>, depth: usize) -> Result<Option<TreeId>> {
        if depth > MAX_DEPTH {
            return Err(StoreError::TooDeep { path: String::from_utf8_lossy(&self.at).into_owned() });
        }
        let stat = rustix::fs::fstat(dir).map_err(self.fail("look at", c""))?;
        let xattrs = fsutil::xattrs(dir, self.inner.config.overlay_xattr)
            .map_err(self.fail("read the attributes of", c""))?;
        self.refuse(&xattrs, c"")?;
        let base = base.filter(|_| xattrs.overlay("opaque") != Some(b"y"));
        self.strip(&xattrs, |name| rustix::fs::fremovexattr(dir, name))?;
        let meta = fsutil::meta_of(&stat, xattrs.own);
        let mut draft = Draft { base, changed: None };
        if base.is_none_or(|base| !same_but_time(&base.meta, &meta)) {
            draft.edit();
        }
        let names = fsutil::list(dir).map_err(self.fail("list", c""))?;
        for (name, file_type) in names {
            self.entry(dir, &name, file_type, &mut draft, depth)?;
        }
        let Some(mut node) = draft.changed else {
            // The layer must show what the tree says.
            if let Some(base) = base
                && base.meta.mtime_ns != meta.mtime_ns
            {
                fsutil::set_mtime(dir, base.meta.mtime_ns).map_err(self.fail("set the time of", c""))?;
            }
            return Ok(None);
        };
        node.meta = meta;
        let (id, bytes) = node.seal();
        let weight = crate::trees::decoded_bytes(&node);
        self.inner.nodes.put(id.stored, Arc::new(node), weight);
        self.rows.nodes.push((id.stored, bytes));
        Ok(Some(id))
    }

    fn entry(
        &mut self,
        dir: &OwnedFd,
        name: &CString,
        file_type: FileType,
        draft: &mut Draft<'_>,
        depth: usize,
    ) -> Result<()> {
        self.entries += 1;
        let bytes = name.to_bytes();
        if file_type == FileType::Directory {
            return self.child(dir, name, draft, depth);
        }
        let look = |name: &CStr| rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = look(name).map_err(self.fail("look at", name))?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return self.child(dir, name, draft, depth),
            FileType::CharacterDevice if stat.st_rdev == 0 => None,
            FileType::RegularFile => self.file(dir, name, &stat)?,
            FileType::Socket => {
                // Nobody can listen on it any more, and the layer must show what the tree says.
                let time = rustix::fs::fstat(dir).map(|stat| fsutil::mtime_ns(&stat));
                time.and_then(|time| {
                    rustix::fs::unlinkat(dir, &**name, AtFlags::empty())?;
                    fsutil::set_mtime(dir, time)
                })
                .map_err(self.fail("remove", name))?;
                None
            }
            other => Some(self.special(dir, name, &stat, other)?),
        };
        match kind {
            Some(kind) => {
                if draft.old(bytes).is_none_or(|old| old.kind != kind) {
                    draft.edit().set(Entry { name: bytes.into(), kind });
                }
            }
            None => {
                if draft.old(bytes).is_some() {
                    draft.edit().remove(bytes);
                }
            }
        }
        Ok(())
    }

    fn child(&mut self, dir: &OwnedFd, name: &CString, draft: &mut Draft<'_>, depth: usize) -> Result<()> {
        let child = fsutil::open_dir(dir, name).map_err(self.fail("open", name))?;
        let base = match draft.old(name.to_bytes()).map(|old| &old.kind) {
            Some(EntryKind::Dir(id)) => Some((*id, self.inner.node(&id.stored)?)),
            _ => None,
        };
        let len = self.at.len();
        self.at.extend_from_slice(name.to_bytes());
        self.at.push(b'/');
        let id = self.dir(&child, base.as_ref().map(|(_, node)| &**node), depth + 1)?;
        self.at.truncate(len);
        match id {
            Some(id) if base.is_none_or(|(old, _)| old != id) => {
                draft.edit().set(Entry { name: name.to_bytes().into(), kind: EntryKind::Dir(id) });
            }
            _ => {}
        }
        Ok(())
    }

    /// `None`: it is a whiteout.
    fn file(&mut self, dir: &OwnedFd, name: &CString, stat: &Stat) -> Result<Option<EntryKind>> {
        if stat.st_nlink > 1
            && let Some(kind) = self.links.get(&stat.st_ino)
        {
            return Ok(Some(kind.clone()));
        }
        let file = fsutil::open_file(dir, name).map_err(self.fail("open", name))?;
        let xattrs = fsutil::xattrs(&file, self.inner.config.overlay_xattr)
            .map_err(self.fail("read the attributes of", name))?;
        if stat.st_size == 0 && xattrs.overlay("whiteout").is_some() {
            return Ok(None);
        }
        self.refuse(&xattrs, name)?;
        self.strip(&xattrs, |key| rustix::fs::fremovexattr(&file, key))?;
        let size = stat.st_size as u64;
        let meta = fsutil::meta_of(stat, xattrs.own);
        let path = self.path(name);
        let taken = take_file(self.inner, &mut self.sink, &file, size, meta, (dir, name));
        let mut kind = taken.map_err(|failure| failure.at(&path))?;
        if let EntryKind::File { blob, link_group: group, .. } = &mut kind
            && stat.st_nlink > 1
        {
            *group = link_group(&[&self.at[..], name.to_bytes()].concat(), blob);
            self.links.insert(stat.st_ino, kind.clone());
        }
        if size <= crate::disk::packs::PACK_LIMIT as u64 {
            self.bytes += size;
        }
        Ok(Some(kind))
    }

    fn special(
        &mut self,
        dir: &OwnedFd,
        name: &CString,
        stat: &Stat,
        file_type: FileType,
    ) -> Result<EntryKind> {
        let xattrs = fsutil::xattrs_at(dir, name, self.inner.config.overlay_xattr)
            .map_err(self.fail("read the attributes of", name))?;
        let mut meta = fsutil::meta_of(stat, xattrs.own);
        let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        Ok(match file_type {
            FileType::Symlink => {
                let target =
                    rustix::fs::readlinkat(dir, &**name, Vec::new()).map_err(self.fail("read", name))?;
                meta.mode = 0o777;
                EntryKind::Symlink { meta, target: target.into_bytes().into() }
            }
            FileType::CharacterDevice => EntryKind::CharDevice { meta, major, minor },
            FileType::BlockDevice => EntryKind::BlockDevice { meta, major, minor },
            FileType::Fifo => EntryKind::Fifo { meta },
            _ => {
                let reason = "a file of unknown type";
                return Err(StoreError::Overlay { path: self.path(name), reason });
            }
        })
    }

    /// Some marks mean that the content lies elsewhere.
    fn refuse(&self, xattrs: &FoundXattrs, name: &CStr) -> Result<()> {
        let reason = if xattrs.overlay("redirect").is_some() {
            "its content lies under another path (redirect)"
        } else if xattrs.overlay("metacopy").is_some() {
            "its content lies in a lower layer (metacopy)"
        } else {
            return Ok(());
        };
        Err(StoreError::Overlay { path: self.path(name), reason })
    }

    /// Takes away the marks that only mean something in an upper directory.
    fn strip(
        &self,
        xattrs: &FoundXattrs,
        remove: impl Fn(&[u8]) -> std::result::Result<(), Errno>,
    ) -> Result<()> {
        for (name, _) in &xattrs.overlay {
            if !name.ends_with(b".opaque") {
                remove(name).map_err(self.fail("remove an attribute of", c""))?;
            }
        }
        Ok(())
    }
}

fn same_but_time(a: &Meta, b: &Meta) -> bool {
    (a.mode, a.uid, a.gid, &a.xattrs) == (b.mode, b.uid, b.gid, &b.xattrs)
}
