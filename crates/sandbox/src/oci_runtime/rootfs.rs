//! Makes the places in the root file system which mounts and the working directory need.
//!
//! The runtime would make them too, but would not tell which ones.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, ResolveFlags, Uid, openat2};
use rustix::io::Errno;

use crate::SandboxError;
use crate::native::prepare::components;

/// What a path must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Directory,
    File,
}

/// Opens a path as a process whose root this is would, without ever leaving it.
pub(super) fn open(root: BorrowedFd<'_>, path: &Path) -> rustix::io::Result<OwnedFd> {
    Tree::whole(root).open(path)
}

/// What a container sees below a path, before it runs.
pub(super) struct Tree<'a> {
    top: BorrowedFd<'a>,
    at: &'a Path,
    links: ResolveFlags,
}

impl<'a> Tree<'a> {
    /// The root file system.
    pub(super) fn whole(root: BorrowedFd<'a>) -> Self {
        Self { top: root, at: Path::new("/"), links: ResolveFlags::IN_ROOT }
    }

    /// What the runtime will mount at `at`. Links in it are not followed: only in the container they lead anywhere.
    pub(super) fn mounted(top: BorrowedFd<'a>, at: &'a Path) -> Self {
        Self { top, at, links: ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS }
    }

    fn open(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let relative = path.strip_prefix(self.at).unwrap_or(path);
        let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        let how = self.links | ResolveFlags::NO_MAGICLINKS;
        openat2(self.top, relative, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), how)
    }

    /// Makes what is missing of a path in the container, owned by `owner`; returns what was made, outermost first.
    ///
    /// # Errors
    /// When something cannot be made, or when links lead round in a circle. What only looks missing (a link to nowhere) is
    /// left to the runtime.
    pub(super) fn ensure(
        &self,
        path: &Path,
        shape: Shape,
        owner: (u32, u32),
    ) -> Result<Vec<PathBuf>, SandboxError> {
        let failed = |error: Errno| {
            SandboxError::io(format!("make {} in the container", path.display()), io::Error::from(error))
        };
        let mut made = Vec::new();
        let mut parent = self.at.to_owned();
        let below = Path::new("/").join(path.strip_prefix(self.at).unwrap_or(path));
        let parts = components(&below)?;
        for (index, name) in parts.iter().enumerate() {
            let place = parent.join(name);
            match self.open(&place) {
                Ok(_) => {}
                Err(Errno::NOENT) => {
                    let shape = if index + 1 == parts.len() { shape } else { Shape::Directory };
                    let outcome = self
                        .open(&parent)
                        .and_then(|parent| make(parent.as_fd(), Path::new(name), shape, owner));
                    match outcome {
                        Ok(()) => made.push(place.clone()),
                        Err(Errno::EXIST) => return Ok(made),
                        Err(error) => return Err(failed(error)),
                    }
                }
                Err(Errno::LOOP) if self.links == ResolveFlags::IN_ROOT => return Err(failed(Errno::LOOP)),
                Err(_) => return Ok(made),
            }
            parent = place;
        }
        Ok(made)
    }
}

fn make(parent: BorrowedFd<'_>, name: &Path, shape: Shape, owner: (u32, u32)) -> rustix::io::Result<()> {
    // `O_PATH` descriptors serve as starting points of the `*at` calls.
    match shape {
        Shape::Directory => {
            let mode = Mode::from_raw_mode(0o755);
            rustix::fs::mkdirat(parent, name, mode)?;
            // The engine's own umask must not count.
            rustix::fs::chmodat(parent, name, mode, AtFlags::empty())?;
        }
        Shape::File => {
            let mode = Mode::from_raw_mode(0o644);
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            let file = rustix::fs::openat(parent, name, flags, mode)?;
            rustix::fs::fchmod(file, mode)?;
        }
    }
    if owner != (0, 0) {
        let (user, group) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        rustix::fs::chownat(parent, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn missing_parts_are_made_and_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        let root = File::open(dir.path()).unwrap();
        let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let tree = Tree::whole(root.as_fd());
        let ensure = |path: &str, shape| tree.ensure(Path::new(path), shape, owner).unwrap();
        assert_eq!(ensure("/etc", Shape::Directory), [""; 0].map(PathBuf::from));
        assert_eq!(ensure("/etc/a/b", Shape::File), ["/etc/a", "/etc/a/b"].map(PathBuf::from));
        assert!(dir.path().join("etc/a/b").is_file());
        assert_eq!(ensure("/etc/a/b", Shape::File), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn links_never_lead_out_of_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), dir.path().join("way-out")).unwrap();
        let root = File::open(dir.path()).unwrap();
        let _ = Tree::whole(root.as_fd()).ensure(Path::new("/way-out/x"), Shape::Directory, (0, 0));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn in_a_mount_parts_are_made_below_it_and_links_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("there")).unwrap();
        symlink("there", dir.path().join("link")).unwrap();
        let top = File::open(dir.path()).unwrap();
        let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let tree = Tree::mounted(top.as_fd(), Path::new("/w"));
        let ensure = |path: &str| tree.ensure(Path::new(path), Shape::Directory, owner).unwrap();
        assert_eq!(ensure("/w/x/y"), ["/w/x", "/w/x/y"].map(PathBuf::from));
        assert!(dir.path().join("x/y").is_dir());
        assert!(ensure("/w/link/z").is_empty() && ensure("/w").is_empty());
        assert_eq!(fs::read_dir(dir.path().join("there")).unwrap().count(), 0);
    }

    #[test]
    fn links_that_lead_round_are_told_with_the_whole_path() {
        let dir = tempfile::tempdir().unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        let root = File::open(dir.path()).unwrap();
        let error = Tree::whole(root.as_fd()).ensure(Path::new("/a/x"), Shape::Directory, (0, 0));
        assert!(error.unwrap_err().to_string().contains("/a/x"));
    }
}
