//! Changing a tree. Nodes are loaded when they are touched and sealed once, at the end.

use kukri_model::Digest;

use crate::node::{EntryKind, Meta, NodeReader, TreeError, TreeId};
use crate::pattern::Filter;
use crate::sealed::Sealed;

/// A regular file to put into a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileSource {
    /// Digest of the content.
    pub blob: Digest,
    /// Length of the content in bytes.
    pub size: u64,
    /// Mode, owner, time.
    pub meta: Meta,
    /// See [`EntryKind::File`]; 0 for a file with one name.
    pub link_group: u64,
}

/// How [`Editor::merge`] copies.
#[derive(Clone, Copy, Default, Debug)]
pub struct CopyOptions<'a> {
    /// User and group of everything copied; none keeps the source's.
    pub owner: Option<(u32, u32)>,
    /// Permission bits of everything copied (not of links); none keeps the source's.
    pub mode: Option<u32>,
    /// What is copied, by its path in the source.
    pub filter: Option<&'a Filter>,
}

/// A tree being changed. Paths may be relative or absolute, both from the root; symbolic links on the way (not the last
/// component) are followed inside the root. Missing parents are made: 0755, root.
pub struct Editor<'r> {
    reader: &'r dyn NodeReader,
}

impl<'r> Editor<'r> {
    /// Starts from a tree, or from an empty directory (0755, root, time 0).
    pub fn new(reader: &'r dyn NodeReader, base: Option<TreeId>) -> Result<Self, TreeError> {
        let _ = base;
        Ok(Self { reader })
    }

    /// Time that directories and links made from now on get; 0 at first.
    pub fn set_clock(&mut self, mtime_ns: i64) {
        unimplemented!("{mtime_ns}")
    }

    /// What is at `path`: nothing, or an entry (a directory with its id as of the base, when unchanged).
    pub fn kind(&mut self, path: impl AsRef<[u8]>, follow: crate::Follow) -> Result<Option<Kind>, TreeError> {
        let _ = (path.as_ref(), follow, self.reader);
        unimplemented!()
    }

    /// Adds or replaces a file.
    pub fn set_file(&mut self, path: impl AsRef<[u8]>, file: FileSource) -> Result<(), TreeError> {
        let _ = (path.as_ref(), file);
        unimplemented!()
    }

    /// Adds or replaces a symbolic link.
    pub fn set_symlink(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<(), TreeError> {
        let _ = (path.as_ref(), target.as_ref());
        unimplemented!()
    }

    /// Makes a directory. An existing one is left as it is.
    pub fn make_dir(&mut self, path: impl AsRef<[u8]>, mode: u32) -> Result<(), TreeError> {
        let _ = (path.as_ref(), mode);
        unimplemented!()
    }

    /// Removes what is at a path or matches a pattern. Nothing there is no error.
    pub fn remove(&mut self, path_or_glob: impl AsRef<[u8]>) -> Result<(), TreeError> {
        let _ = path_or_glob.as_ref();
        unimplemented!()
    }

    /// Copies the contents of `source` into the directory at `path`.
    pub fn merge(&mut self, path: impl AsRef<[u8]>, source: &TreeId, options: CopyOptions<'_>) -> Result<(), TreeError> {
        let _ = (path.as_ref(), source, options);
        unimplemented!()
    }

    /// Puts any entry at `path`, in place of whatever is there.
    pub fn put_entry(&mut self, path: impl AsRef<[u8]>, kind: EntryKind) -> Result<(), TreeError> {
        let _ = (path.as_ref(), kind);
        unimplemented!()
    }

    /// Puts a tree at `path` in place of whatever is there; at the root too.
    pub fn replace_subtree(&mut self, path: impl AsRef<[u8]>, tree: &TreeId) -> Result<(), TreeError> {
        let _ = (path.as_ref(), tree);
        unimplemented!()
    }

    /// Gives everything the same time.
    pub fn set_times(&mut self, mtime_ns: i64) -> Result<(), TreeError> {
        unimplemented!("{mtime_ns}")
    }

    /// Changes the owner of what is at `path` (links on the way are followed, the last is not), and of all below.
    pub fn chown(&mut self, path: impl AsRef<[u8]>, uid: u32, gid: u32, recursive: bool) -> Result<(), TreeError> {
        let _ = (path.as_ref(), uid, gid, recursive);
        unimplemented!()
    }

    /// Changes permission bits of what is at `path`, and of all below if asked; links are left alone.
    pub fn chmod(&mut self, path: impl AsRef<[u8]>, mode: u32, recursive: bool) -> Result<(), TreeError> {
        let _ = (path.as_ref(), mode, recursive);
        unimplemented!()
    }

    /// Seals what changed.
    pub fn finish(self) -> Result<Sealed, TreeError> {
        unimplemented!()
    }
}

/// What an [`Editor`] has at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory.
    Dir,
    /// Anything else.
    Other(EntryKind),
}
