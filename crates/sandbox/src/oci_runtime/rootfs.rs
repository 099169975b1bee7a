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
    let relative = path.strip_prefix("/").unwrap_or(path);
    let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    openat2(root, relative, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), inside)
}

/// Makes what is missing of a path, owned by `owner`; returns what was made, outermost first.
///
/// # Errors
/// When something cannot be made. What only looks missing (a link to nowhere) is left to the runtime.
pub(super) fn ensure(
    root: BorrowedFd<'_>,
    path: &Path,
    shape: Shape,
    owner: (u32, u32),
) -> Result<Vec<PathBuf>, SandboxError> {
    let mut made = Vec::new();
    let mut parent = PathBuf::from("/");
    let parts = components(path)?;
    for (index, name) in parts.iter().enumerate() {
        let place = parent.join(name);
        match open(root, &place) {
            Ok(_) => {}
            Err(Errno::NOENT) => {
                let shape = if index + 1 == parts.len() { shape } else { Shape::Directory };
                let outcome = open(root, &parent)
                    .and_then(|parent| make(parent.as_fd(), Path::new(name), shape, owner));
                match outcome {
                    Ok(()) => made.push(place.clone()),
                    Err(Errno::EXIST) => return Ok(made),
                    Err(error) => {
                        let source = io::Error::from(error);
                        return Err(SandboxError::io(
                            format!("make {} in the container", place.display()),
                            source,
                        ));
                    }
                }
            }
            Err(_) => return Ok(made),
        }
        parent = place;
    }
    Ok(made)
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
        let ensure = |path: &str, shape| ensure(root.as_fd(), Path::new(path), shape, owner).unwrap();
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
        let _ = ensure(root.as_fd(), Path::new("/way-out/x"), Shape::Directory, (0, 0));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
