//! Where an entry of a layer goes: paths are resolved among the entries seen so far, in memory.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use kukri_tree::{EntryKind, is_name};
use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use super::{Child, Dir, LayerWriter, MAX_OPEN, refused, refused_for};
use crate::disk::fsutil;
use crate::error::Result;
use crate::place::MAX_DEPTH;

/// Most symbolic links on the way to one entry.
const MAX_LINKS: usize = 40;

/// The parts of a path from the root of the layer; `..` is taken away, unless it leads out.
pub(super) fn parts(path: &[u8]) -> std::result::Result<Vec<&[u8]>, &'static str> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop().ok_or("the path leads out of the layer")?;
            }
            name if is_name(name) => parts.push(name),
            _ => return Err("a part of the path is not a file name"),
        }
    }
    if parts.len() > MAX_DEPTH { Err("directories are nested too deep") } else { Ok(parts) }
}

impl LayerWriter {
    /// Directory and name of a path, with the directories on the way made. `None`: the root of the layer.
    pub(super) fn locate(&mut self, path: &[u8]) -> Result<Option<(usize, Box<[u8]>)>> {
        let parts = parts(path).map_err(|reason| refused_for(path, reason))?;
        let Some((name, parents)) = parts.split_last() else { return Ok(None) };
        Ok(Some((self.walk(path, parents)?, (*name).into())))
    }

    /// Like [`Self::locate`], with whatever was there before taken away.
    pub(super) fn place(&mut self, path: &[u8]) -> Result<(usize, Box<[u8]>)> {
        let located = self.locate(path)?;
        let (parent, name) = located.ok_or_else(|| refused_for(path, "the root is a directory"))?;
        self.clear(parent, &name).map_err(|error| refused(path, error))?;
        Ok((parent, name))
    }

    /// Where an entry of this layer is, if there is one.
    pub(super) fn find(&mut self, path: &[u8]) -> Result<Option<(usize, Box<[u8]>)>> {
        let parts = parts(path).map_err(|reason| refused_for(path, reason))?;
        let Some((name, parents)) = parts.split_last() else { return Ok(None) };
        let mut dir = 0;
        for part in parents {
            match self.dirs[dir].children.get(*part) {
                Some(Child::Dir(next)) => dir = *next,
                // Resolving a link may make directories, which does no harm: its target is an entry of this layer.
                Some(Child::Leaf(EntryKind::Symlink { .. })) => {
                    dir = self.walk(path, parents)?;
                    break;
                }
                _ => return Ok(None),
            }
        }
        let there = matches!(self.dirs[dir].children.get(*name), Some(Child::Dir(_) | Child::Leaf(_)));
        Ok(there.then(|| (dir, (*name).into())))
    }

    fn walk(&mut self, path: &[u8], parents: &[&[u8]]) -> Result<usize> {
        let mut rest: VecDeque<Box<[u8]>> = parents.iter().map(|part| (*part).into()).collect();
        let (mut dir, mut links) = (0, 0);
        while let Some(part) = rest.pop_front() {
            match &*part {
                b"" | b"." => continue,
                b".." => {
                    dir = self.dirs[dir].parent;
                    continue;
                }
                _ => {}
            }
            match self.dirs[dir].children.get(&part) {
                Some(Child::Dir(next)) => dir = *next,
                Some(Child::Leaf(EntryKind::Symlink { target, .. })) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(refused_for(path, "too many symbolic links among its parents"));
                    }
                    if target.starts_with(b"/") {
                        dir = 0;
                    }
                    for part in target.split(|byte| *byte == b'/').rev() {
                        rest.push_front(part.into());
                    }
                }
                Some(Child::Leaf(_)) => return Err(refused_for(path, "a parent is not a directory")),
                Some(Child::Whiteout) | None if !is_name(&part) => {
                    return Err(refused_for(path, "a link among its parents leads nowhere"));
                }
                Some(Child::Whiteout) | None => {
                    dir = self.make_dir(dir, &part).map_err(|error| refused(path, error))?;
                }
            }
        }
        Ok(dir)
    }

    /// Makes a directory in place of anything that is not one.
    pub(super) fn make_dir(&mut self, parent: usize, name: &[u8]) -> std::io::Result<usize> {
        let depth = self.dirs[parent].depth + 1;
        if depth > MAX_DEPTH {
            return Err(std::io::Error::other("directories are nested too deep"));
        }
        let hides = matches!(self.dirs[parent].children.get(name), Some(Child::Whiteout));
        self.clear(parent, name)?;
        let dir = self.take_open(parent)?;
        rustix::fs::mkdirat(&dir, name, Mode::from_raw_mode(0o700))?;
        self.open.push((parent, dir));
        self.dirs.push(Dir {
            meta: None,
            children: std::collections::BTreeMap::new(),
            opaque: hides,
            parent,
            name: name.into(),
            depth,
        });
        let at = self.dirs.len() - 1;
        self.dirs[parent].children.insert(name.into(), Child::Dir(at));
        self.entries += 1;
        Ok(at)
    }

    fn clear(&mut self, parent: usize, name: &[u8]) -> std::io::Result<()> {
        self.foreign.retain(|(dir, link, _)| (*dir, &**link) != (parent, name));
        match self.dirs[parent].children.remove(name) {
            Some(Child::Leaf(_)) => {
                let dir = self.take_open(parent)?;
                rustix::fs::unlinkat(&dir, name, AtFlags::empty())?;
                self.open.push((parent, dir));
            }
            Some(Child::Dir(_)) => {
                // Whatever of it is open is not reachable any more; its numbers are never used again.
                let dir = self.take_open(parent)?;
                let trash = self.inner.layout.fresh_trash();
                rustix::fs::renameat(&dir, name, rustix::fs::CWD, trash)?;
                self.open.push((parent, dir));
            }
            Some(Child::Whiteout) | None => {}
        }
        Ok(())
    }

    /// Path of an entry from the root of the layer.
    pub(super) fn path_of(&self, mut dir: usize, name: &[u8]) -> Vec<u8> {
        let mut parts = vec![name];
        while dir != 0 {
            parts.push(&self.dirs[dir].name);
            dir = self.dirs[dir].parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// Takes the open directory from those kept; the caller puts it back. Every directory on the way is one this
    /// writer made, so the path holds no link.
    pub(super) fn take_open(&mut self, dir: usize) -> std::result::Result<OwnedFd, Errno> {
        if let Some(at) = self.open.iter().rposition(|(open, _)| *open == dir) {
            return Ok(self.open.remove(at).1);
        }
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        if dir == 0 {
            return fsutil::open_dir(&self.root, c".");
        }
        let path = fsutil::c_name(&self.path_of(self.dirs[dir].parent, &self.dirs[dir].name))?;
        fsutil::open_dir(&self.root, &path)
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(parts(b"/a//./b/"), Ok(vec![&b"a"[..], b"b"]));
        assert_eq!(parts(b"a/../b"), Ok(vec![&b"b"[..]]));
        assert_eq!(parts(b"./"), Ok(vec![]));
        assert!(parts(b"../etc/passwd").is_err());
        assert!(parts(b"a/../../b").is_err());
        assert!(parts(b"a\0b").is_err());
        assert!(parts(&[b'x'; 300]).is_err());
    }
}
