//! What a tree is made of.

use std::sync::Arc;

use kukri_model::Digest;

/// The identity of a tree: of the bytes that are stored, and of what a cache key sees.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TreeId {
    /// Digest of the stored root node. Two trees that differ only in times differ here.
    pub stored: Digest,
    /// Digest that leaves modification times out, at every level: the cache identity.
    pub content: Digest,
}

/// Extended attributes, sorted by name. Names are complete (`user.x`).
pub type Xattrs = Vec<(Box<[u8]>, Box<[u8]>)>;

/// What every file, directory and link has.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Meta {
    /// Permission bits with set-user-id, set-group-id and sticky: 12 bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, nanoseconds since 1970, UTC. Not part of the cache identity.
    pub mtime_ns: i64,
    /// Extended attributes, sorted by name.
    pub xattrs: Xattrs,
}

impl Meta {
    /// Owned by root, time 0, without extended attributes.
    #[must_use]
    pub const fn new(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0, mtime_ns: 0, xattrs: Vec::new() }
    }
}

/// One child of a directory.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    /// File name: 1 to 255 bytes, no `/` and no NUL, not `.` or `..`.
    pub name: Box<[u8]>,
    /// What it is.
    pub kind: EntryKind,
}

/// What a child is. A directory's own [`Meta`] lies in its node.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Mode, owner, time.
        meta: Meta,
        /// Digest of the content.
        blob: Digest,
        /// Length of the content in bytes.
        size: u64,
        /// 0, or the number of the group of names that are hard links of each other within the whole tree. Only names
        /// whose content and metadata are equal too belong together: numbers are not renewed when trees are merged, and
        /// changing one name takes it out of its group.
        link_group: u64,
    },
    /// A directory.
    Dir(TreeId),
    /// A symbolic link; the target is kept as it is.
    Symlink {
        /// Mode (always 0o777), owner, time.
        meta: Meta,
        /// The target.
        target: Box<[u8]>,
    },
    /// A character device.
    CharDevice {
        /// Mode, owner, time.
        meta: Meta,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Mode, owner, time.
        meta: Meta,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo {
        /// Mode, owner, time.
        meta: Meta,
    },
}

impl EntryKind {
    /// The metadata, except of a directory, whose node has it.
    #[must_use]
    pub const fn meta(&self) -> Option<&Meta> {
        match self {
            Self::File { meta, .. }
            | Self::Symlink { meta, .. }
            | Self::CharDevice { meta, .. }
            | Self::BlockDevice { meta, .. }
            | Self::Fifo { meta } => Some(meta),
            Self::Dir(_) => None,
        }
    }

    /// The metadata, except of a directory.
    pub const fn meta_mut(&mut self) -> Option<&mut Meta> {
        match self {
            Self::File { meta, .. }
            | Self::Symlink { meta, .. }
            | Self::CharDevice { meta, .. }
            | Self::BlockDevice { meta, .. }
            | Self::Fifo { meta } => Some(meta),
            Self::Dir(_) => None,
        }
    }
}

/// One directory: its own metadata and its children, sorted by the bytes of their names, without duplicates.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// The directory's own mode, owner, time.
    pub meta: Meta,
    /// Children, sorted.
    pub entries: Vec<Entry>,
}

impl Node {
    /// An empty directory: 0755, root, time 0.
    #[must_use]
    pub const fn empty() -> Self {
        Self { meta: Meta::new(0o755), entries: Vec::new() }
    }

    /// The child with this name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Entry> {
        self.position(name).ok().map(|at| &self.entries[at])
    }

    /// Where the child is, or where it would be.
    pub fn position(&self, name: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (*entry.name).cmp(name))
    }

    /// Adds or replaces a child.
    pub fn set(&mut self, entry: Entry) {
        match self.position(&entry.name) {
            Ok(at) => self.entries[at] = entry,
            Err(at) => self.entries.insert(at, entry),
        }
    }

    /// Removes a child.
    pub fn remove(&mut self, name: &[u8]) -> Option<Entry> {
        self.position(name).ok().map(|at| self.entries.remove(at))
    }
}

/// Why a tree cannot be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// No such entry.
    #[error("{0}: no such file or directory")]
    NotFound(String),
    /// A file where a directory is needed.
    #[error("path {0} is a file, not a directory")]
    NotADirectory(String),
    /// A directory where a file is needed.
    #[error("path {} is a directory, not a file", if .0.is_empty() { "/" } else { .0 })]
    IsADirectory(String),
    /// Something was to be made at a path that leads out of the tree.
    #[error("{0}: cannot create directory outside parent")]
    Escapes(String),
    /// Something was to be read at a path that leads out of the tree.
    #[error("{0}: is outside of the directory")]
    Outside(String),
    /// A name longer than 255 bytes.
    #[error("{0:.40}…: File name length exceeds the maximum supported 255 characters")]
    NameTooLong(String),
    /// More than 40 symbolic links on the way.
    #[error("{0}: too many levels of symbolic links")]
    TooManyLinks(String),
    /// A node is not in the store, or cannot be read.
    #[error("tree {digest} cannot be read: {reason}")]
    Missing {
        /// Which node.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// The bytes of a node are not a node.
    #[error("tree {digest} is damaged: {reason}")]
    Damaged {
        /// Which node.
        digest: Digest,
        /// Why.
        reason: &'static str,
    },
    /// Nobody waits for the result any more: see [`crate::cancel`].
    #[error("cancelled")]
    Cancelled,
    /// A pattern, owner or other argument is not valid.
    #[error("{0}")]
    Invalid(String),
}

/// Where nodes come from.
pub trait NodeReader {
    /// The node with this digest (`TreeId::stored`).
    fn node(&self, digest: &Digest) -> Result<Arc<Node>, TreeError>;
}

/// Where the contents of files come from. Only for small ones, as `.gitignore`: the whole content is returned.
pub trait BlobReader {
    /// The content with this digest.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, TreeError>;
}

impl<R: NodeReader + ?Sized> NodeReader for &R {
    fn node(&self, digest: &Digest) -> Result<Arc<Node>, TreeError> {
        (**self).node(digest)
    }
}

impl<R: NodeReader + ?Sized> NodeReader for Arc<R> {
    fn node(&self, digest: &Digest) -> Result<Arc<Node>, TreeError> {
        (**self).node(digest)
    }
}
