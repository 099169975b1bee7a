//! Asks the kernel, before anything is run, for the system calls that every run needs: a container or a sandbox around
//! the engine may have taken them away.

use std::io;
use std::path::Path;

use super::launcher::check;
use super::mounts::{self, Overlay};
use crate::SandboxError;

/// Looks whether overlays can be made of directories of a file system: `lower`, `upper` and `work` lie on it, the last
/// two are empty.
///
/// # Errors
/// [`SandboxError::Unsupported`] if it cannot hold layers.
pub fn layers(lower: &Path, upper: &Path, work: &Path) -> Result<(), SandboxError> {
    let lowers = [lower.to_owned()];
    let overlay = Overlay { lowers: &lowers, upper: Some((upper, work)), userxattr: false };
    match mounts::overlay_at_once(&overlay) {
        Ok(()) => Ok(()),
        // Who may not mount at all learns nothing of the file system: runs fail then, and the rest works.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(()),
        Err(error) => Err(SandboxError::Unsupported {
            feature: "a file system for the layers of containers".to_owned(),
            next: format!("{error}; the engine's root must lie on ext4, xfs, btrfs or tmpfs: set KUKRI_ROOT"),
        }),
    }
}

/// Looks whether containers can be started here. Takes less than a millisecond.
///
/// # Errors
/// [`SandboxError::Unsupported`] for the first thing that is missing.
pub fn kernel() -> Result<(), SandboxError> {
    let call = |name: &str, outcome: io::Result<()>| match outcome {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
            Err(SandboxError::Unsupported {
                feature: format!("the system call {name}"),
                next: format!(
                    "the kernel answers {:?}; Linux 5.12 or newer is needed, and where the engine itself runs in a \
                     container, one that may mount (docker run --privileged)",
                    error.to_string()
                ),
            })
        }
        _ => Ok(()),
    };
    // SAFETY: arguments that the kernel refuses after it has found the call, without looking at memory.
    let clone3 =
        check(unsafe { libc::syscall(libc::SYS_clone3, std::ptr::null::<libc::c_void>(), 0_usize) } as i32);
    call("clone3", clone3.map(drop))?;
    // SAFETY: descriptors that are none, and empty strings.
    let move_mount = check(unsafe {
        libc::syscall(libc::SYS_move_mount, -1, c"".as_ptr(), -1, c"".as_ptr(), 0x44)
    } as i32);
    call("move_mount", move_mount.map(drop))?;
    call("open_tree", mounts::open_tree(c"/", false).map(drop))?;
    call("fsopen", mounts::knows(c"tmpfs"))?;
    call("mount_setattr", mounts::files(&[(b"", 0, 0, 0o444)]).map(drop))?;
    mounts::knows(c"overlay").map_err(|error| SandboxError::Unsupported {
        feature: "the overlay file system".to_owned(),
        next: format!("the kernel answers {:?}; load its module: modprobe overlay", error.to_string()),
    })
}
