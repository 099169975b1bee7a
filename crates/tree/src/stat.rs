//! The facts of one path.

use crate::lookup::{Follow, Found, FoundKind, lookup};
use crate::node::{EntryKind, NodeReader, TreeError, TreeId};
use crate::path::text;

/// Directories have no size of their own here; this is what common file systems say for a small one.
const DIRECTORY_SIZE: u64 = 4096;

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
///
/// # Errors
/// Those of [`lookup`](crate::lookup()).
pub fn stat(
    reader: &dyn NodeReader,
    root: &TreeId,
    path: impl AsRef<[u8]>,
    follow: Follow,
) -> Result<Stat, TreeError> {
    if path.as_ref().is_empty() {
        return Err(TreeError::NotFound(String::new()));
    }
    Ok(Stat::of(&lookup(reader, root, path, follow)?))
}

impl Stat {
    /// Facts of what a lookup found.
    #[must_use]
    pub fn of(found: &Found) -> Self {
        let (kind, size) = match &found.kind {
            FoundKind::Dir { .. } => (FileKind::Directory, DIRECTORY_SIZE),
            FoundKind::Entry(EntryKind::File { size, .. }) => (FileKind::Regular, *size),
            FoundKind::Entry(EntryKind::Symlink { target, .. }) => (FileKind::Symlink, target.len() as u64),
            FoundKind::Entry(_) => (FileKind::Other, 0),
        };
        let meta = found.meta();
        Self {
            name: if found.path.is_empty() { "/".to_owned() } else { text(found.name()) },
            kind,
            size,
            permissions: meta.mode & 0o777,
            uid: meta.uid,
            gid: meta.gid,
            mtime_ns: meta.mtime_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::node::Meta;
    use crate::testing::{Item, file, link, tree};

    #[test]
    fn facts() {
        let memory = Memory::new();
        let sticky = Item::Dir(Meta { uid: 7, ..Meta::new(0o1777) });
        let root = tree(&memory, &[("tmp", sticky), ("tmp/f", file("12345")), ("l", link("tmp/f"))]);
        let of = |path: &str, follow| stat(&memory, &root, path, follow);

        let dir = of("tmp", Follow::All).unwrap();
        assert_eq!((dir.kind, dir.size, dir.permissions, dir.uid), (FileKind::Directory, 4096, 0o777, 7));
        let file = of("/l", Follow::All).unwrap();
        assert_eq!((file.kind, file.size, file.permissions, &*file.name), (FileKind::Regular, 5, 0o644, "f"));
        let link = of("l", Follow::Parents).unwrap();
        assert_eq!((link.kind, link.size, &*link.name), (FileKind::Symlink, 5, "l"));
        assert_eq!(of(".", Follow::All).unwrap().name, "/");
        assert_eq!(of("", Follow::All).unwrap_err().to_string(), ": no such file or directory");
        assert_eq!(of("bogus", Follow::All).unwrap_err().to_string(), "bogus: no such file or directory");
    }
}
