//! The facts of one path.

use crate::lookup::Follow;
use crate::node::{NodeReader, TreeError, TreeId};

/// What something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, or a named pipe.
    Other,
}

/// Facts of one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stat {
    /// Base name; `/` for the root.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes: of a file's content, of a link's target, 4096 for a directory.
    pub size: u64,
    /// The 9 permission bits.
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// Facts of what `path` names. The empty path names nothing.
pub fn stat(
    reader: &dyn NodeReader,
    root: &TreeId,
    path: impl AsRef<[u8]>,
    follow: Follow,
) -> Result<Stat, TreeError> {
    let _ = (reader, root, path.as_ref(), follow);
    unimplemented!()
}
