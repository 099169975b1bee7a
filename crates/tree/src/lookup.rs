//! Finding what a path names, with symbolic links resolved inside the root.

use std::sync::Arc;

use crate::node::{EntryKind, Meta, Node, NodeReader, TreeError, TreeId};
use crate::path;

/// Most symbolic links on the way to one path, as Linux has it.
pub const MAX_LINKS: usize = 40;

/// Which symbolic links are followed. They never lead out: an absolute target starts at the tree's root, and `..` stops
/// there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// All, also the last one: as `stat` does.
    All,
    /// Those on the way, not the last one: as `lstat` does.
    Parents,
}

/// What a path names.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it really is: clean, without links on the way. Empty for the root.
    pub path: Vec<u8>,
    /// What is there.
    pub kind: FoundKind,
}

/// What is at a path.
#[derive(Clone, Debug)]
pub enum FoundKind {
    /// A directory.
    Dir {
        /// Its tree.
        id: TreeId,
        /// Its node.
        node: Arc<Node>,
    },
    /// Anything else.
    Entry(EntryKind),
}

impl Found {
    /// Base name; empty for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        path::split(&self.path).map_or(b"", |(_, name)| name)
    }

    /// Mode, owner and time, of directories too.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        match &self.kind {
            FoundKind::Dir { node, .. } => &node.meta,
            FoundKind::Entry(kind) => kind.meta().expect("only directories have no metadata of their own"),
        }
    }
}

/// Finds what `path` names. The path is cleaned by its text first; both `a/b` and `/a/b` start at `root`.
///
/// # Errors
/// `NotFound`, `NotADirectory` (with the path as given), `TooManyLinks`, and the reader's.
pub fn lookup(
    reader: &dyn NodeReader,
    root: &TreeId,
    path: impl AsRef<[u8]>,
    follow: Follow,
) -> Result<Found, TreeError> {
    let _ = (reader, root, path.as_ref(), follow);
    unimplemented!()
}

/// Whether `path` names something. Dangling links, and files where a directory is needed, count as no.
///
/// # Errors
/// The reader's, and paths that are not valid.
pub fn try_exists(
    reader: &dyn NodeReader,
    root: &TreeId,
    path: impl AsRef<[u8]>,
    follow: Follow,
) -> Result<bool, TreeError> {
    let _ = (reader, root, path.as_ref(), follow);
    unimplemented!()
}

/// Names in the directory at `path`, sorted; those of directories end with `/`.
///
/// # Errors
/// `NotADirectory`, and those of [`lookup`].
pub fn entries(reader: &dyn NodeReader, root: &TreeId, path: impl AsRef<[u8]>) -> Result<Vec<String>, TreeError> {
    let _ = (reader, root, path.as_ref());
    unimplemented!()
}
