//! What lies behind a path of a container while a command runs in it.

use std::sync::Arc;

use crate::vertex::exec::{Exec, ExecMount, MountKind};

/// What lies behind an absolute path of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The root file system.
    Root,
    /// A mounted directory: index among the mounts that are trees.
    Tree(usize),
    /// A mounted file: index among the mounts that are trees, and its name in its tree.
    File(usize, Arc<str>),
    /// The volume that is mounted here.
    Volume(Arc<str>),
    /// Something in memory.
    Memory,
}

/// What is mounted where.
pub fn places(exec: &Exec) -> Vec<(Arc<str>, Place)> {
    let mut trees = 0..;
    let mut place = |mount: &ExecMount| match &mount.kind {
        MountKind::Directory { .. } => Place::Tree(trees.next().unwrap_or_default()),
        MountKind::File { source } => {
            let name = source.path.rsplit('/').next().unwrap_or_default();
            Place::File(trees.next().unwrap_or_default(), name.into())
        }
        MountKind::Cache(_) => Place::Volume(Arc::clone(&mount.path)),
        MountKind::Temp { .. } | MountKind::Secret { .. } => Place::Memory,
    };
    exec.mounts.iter().map(|mount| (Arc::clone(&mount.path), place(mount))).collect()
}

/// What lies behind an absolute path, and where in it.
pub fn place(mounts: &[(Arc<str>, Place)], path: &str) -> (Place, String) {
    let inner = |mount: &str| {
        let rest = path.strip_prefix(mount)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
    };
    mounts
        .iter()
        .filter_map(|(mount, place)| inner(mount).map(|rest| (mount.len(), place, rest)))
        .max_by_key(|(length, ..)| *length)
        .map_or_else(
            || (Place::Root, path.trim_start_matches('/').to_owned()),
            |(_, place, rest)| (place.clone(), rest),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts: Vec<(Arc<str>, Place)> = vec![
            ("/a".into(), Place::Tree(0)),
            ("/a/b".into(), Place::Volume("/a/b".into())),
            ("/a/b/c".into(), Place::Memory),
        ];
        for (path, wanted, inner) in [
            ("/ab", Place::Root, "ab"),
            ("/a", Place::Tree(0), ""),
            ("/a/x/y", Place::Tree(0), "x/y"),
            ("/a/b/x", Place::Volume("/a/b".into()), "x"),
            ("/a/b/c/d", Place::Memory, "d"),
        ] {
            assert_eq!(place(&mounts, path), (wanted, inner.to_owned()), "{path}");
        }
    }
}
