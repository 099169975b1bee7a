//! Mounts that the engine makes before the child exists: overlays, binds of host paths, trees of small files.
//!
//! They are detached: descriptors of mounts that are attached nowhere, which the child then attaches in its root. So
//! the child needs none of the host's paths.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::launcher::check;
use super::options::MountOptions;

/// Longest string that `fsconfig` takes, without the null.
const FSCONFIG_MAX: usize = 255;

/// Layers of an overlay.
pub struct Overlay<'a> {
    /// Topmost first.
    pub lowers: &'a [PathBuf],
    /// Upper and work directory; read-only without.
    pub upper: Option<(&'a Path, &'a Path)>,
    /// Marks in `user.` attributes.
    pub userxattr: bool,
}

/// Makes an overlay as a detached mount.
///
/// It is volatile: nothing is flushed when it goes, and a work directory cannot be used twice.
///
/// # Errors
/// The kernel's, with its own explanation where it gave one.
pub fn overlay(overlay: &Overlay<'_>, attributes: u64) -> io::Result<OwnedFd> {
    match overlay_by_fsconfig(overlay, attributes) {
        Err(Failure::NoLayerOption) => overlay_by_mount(overlay, attributes),
        Err(Failure::Other(error)) => Err(error),
        Ok(mount) => Ok(mount),
    }
}

/// Makes an overlay only to see whether it can be made. Kernels that would need a launcher's thread for it are believed.
///
/// # Errors
/// The kernel's, with its own explanation where it gave one.
pub fn overlay_at_once(overlay: &Overlay<'_>) -> io::Result<()> {
    match overlay_by_fsconfig(overlay, 0) {
        Ok(_) | Err(Failure::NoLayerOption) => Ok(()),
        Err(Failure::Other(error)) => Err(error),
    }
}

enum Failure {
    /// A kernel before 6.5, which takes all layers in one string.
    NoLayerOption,
    Other(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}

fn overlay_by_fsconfig(overlay: &Overlay<'_>, attributes: u64) -> Result<OwnedFd, Failure> {
    let context = Context::open(c"overlay")?;
    let mut keep = Vec::new();
    for (index, lower) in overlay.lowers.iter().enumerate() {
        let path = short_path(lower, &mut keep)?;
        match context.set(c"lowerdir+", Some(&path)) {
            Err(error) if index == 0 && error.raw_os_error() == Some(libc::EINVAL) => {
                return Err(if lower.is_dir() { Failure::NoLayerOption } else { Failure::Other(error) });
            }
            other => other.map_err(|error| with_path(error, lower))?,
        }
    }
    if let Some((upper, work)) = overlay.upper {
        context
            .set(c"upperdir", Some(&short_path(upper, &mut keep)?))
            .map_err(|error| with_path(error, upper))?;
        context
            .set(c"workdir", Some(&short_path(work, &mut keep)?))
            .map_err(|error| with_path(error, work))?;
        context.set(c"volatile", None)?;
    }
    if overlay.userxattr {
        context.set(c"userxattr", None)?;
    } else {
        // The store reads upper directories; they must not refer to lower ones.
        for option in [c"redirect_dir", c"metacopy", c"index"] {
            context.set(option, Some(c"off"))?;
        }
    }
    Ok(context.mount(attributes)?)
}

/// The way for older kernels: `mount` in a throw-away copy of the mount namespace, then a detached clone of the result.
///
/// Must run on a launcher thread, which returns to its own namespace afterwards.
fn overlay_by_mount(overlay: &Overlay<'_>, attributes: u64) -> io::Result<OwnedFd> {
    let escape = |path: &Path| {
        let mut out = Vec::new();
        for byte in path.as_os_str().as_bytes() {
            if matches!(byte, b'\\' | b':' | b',') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out
    };
    let mut options = b"lowerdir=".to_vec();
    options.extend(overlay.lowers.iter().map(|lower| escape(lower)).collect::<Vec<_>>().join(&b':'));
    let mut place = overlay.lowers[0].as_path();
    if let Some((upper, work)) = overlay.upper {
        options.extend(
            [b",upperdir=", escape(upper).as_slice(), b",workdir=", &escape(work), b",volatile"].concat(),
        );
        place = upper;
    }
    options.extend_from_slice(if overlay.userxattr {
        b",userxattr"
    } else {
        b",redirect_dir=off,metacopy=off,index=off"
    });
    let options = CString::new(options)?;
    let place = CString::new(place.as_os_str().as_bytes())?;
    // SAFETY: acts on this thread's namespaces only, with strings that live until the calls return.
    unsafe {
        check(libc::unshare(libc::CLONE_NEWNS))?;
        let none = std::ptr::null::<libc::c_char>();
        check(libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()))?;
        let kind = c"overlay".as_ptr();
        check(libc::mount(kind, place.as_ptr(), kind, 0, options.as_ptr().cast()))?;
    }
    let mount = open_tree(&place, false)?;
    set_attributes(&mount, attributes, 0, 0, false)?;
    Ok(mount)
}

/// The path itself, or a short name for it where `fsconfig` would not take it.
fn short_path(path: &Path, keep: &mut Vec<OwnedFd>) -> io::Result<CString> {
    if path.as_os_str().len() > FSCONFIG_MAX {
        let directory =
            File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(path)?;
        let short = CString::new(format!("/proc/thread-self/fd/{}", directory.as_raw_fd()))?;
        keep.push(directory.into());
        return Ok(short);
    }
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn with_path(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A detached copy of the mount at a host path, with everything mounted below it if `options` ask for that.
///
/// # Errors
/// `NotFound` when the path does not exist; whatever the kernel says else.
pub fn bind(source: &Path, options: &MountOptions) -> io::Result<OwnedFd> {
    let path = CString::new(source.as_os_str().as_bytes())?;
    let mount = open_tree(&path, options.recursive)?;
    set_attributes(&mount, options.set, options.clear, libc::MS_PRIVATE, options.recursive)?;
    Ok(mount)
}

/// A tmpfs with the given files, named by their index: content, owner, group, mode. Read-only.
///
/// # Errors
/// When a file cannot be written or given to its owner.
pub fn files(files: &[(&[u8], u32, u32, u32)]) -> io::Result<OwnedFd> {
    let context = Context::open(c"tmpfs")?;
    context.set(c"mode", Some(c"0755"))?;
    // Secrets may be among them. Not known before Linux 6.4.
    let _ = context.set(c"noswap", None);
    let mount = context.mount(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV)?;
    for (index, (content, uid, gid, mode)) in files.iter().enumerate() {
        let name = CString::new(index.to_string())?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
        // SAFETY: a valid directory descriptor and a string.
        let fd = check(unsafe { libc::openat(mount.as_raw_fd(), name.as_ptr(), flags, 0o600) })?;
        // SAFETY: just opened.
        let mut file = unsafe { File::from_raw_fd(fd) };
        file.write_all(content)?;
        if (*uid, *gid) != (0, 0) {
            std::os::unix::fs::fchown(&file, Some(*uid), Some(*gid))?;
        }
        file.set_permissions(std::fs::Permissions::from_mode(*mode))?;
    }
    seal(&mount)?;
    Ok(mount)
}

/// Makes a mount read-only that was just written to.
///
/// The kernel refuses while anybody has a file of it open for writing. That may be a child which another launcher
/// thread has cloned in the meantime: it holds copies of all descriptors for the moment until it runs its command.
fn seal(mount: &OwnedFd) -> io::Result<()> {
    let started = std::time::Instant::now();
    loop {
        match set_attributes(mount, libc::MOUNT_ATTR_RDONLY, 0, 0, false) {
            Err(error)
                if error.raw_os_error() == Some(libc::EBUSY)
                    && started.elapsed() < std::time::Duration::from_secs(5) =>
            {
                std::thread::sleep(std::time::Duration::from_micros(50));
            }
            result => return result,
        }
    }
}

/// Whether the kernel knows a kind of file system, and lets us make one.
///
/// # Errors
/// The kernel's.
pub fn knows(kind: &CStr) -> io::Result<()> {
    Context::open(kind).map(drop)
}

/// Whether the root of a detached mount is a directory.
///
/// # Errors
/// The kernel's.
pub fn is_directory(mount: &OwnedFd) -> io::Result<bool> {
    Ok(File::from(mount.try_clone()?).metadata()?.is_dir())
}

/// A file system being configured.
struct Context(OwnedFd);

impl Context {
    fn open(kind: &CStr) -> io::Result<Self> {
        // SAFETY: a string.
        let fd = check(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), 1) } as i32)?;
        // SAFETY: just opened.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn set(&self, key: &CStr, value: Option<&CStr>) -> io::Result<()> {
        let (command, value) = value.map_or((0, std::ptr::null()), |value| (1, value.as_ptr()));
        self.configure(command, key.as_ptr(), value)
    }

    fn configure(
        &self,
        command: RawFd,
        key: *const libc::c_char,
        value: *const libc::c_char,
    ) -> io::Result<()> {
        // SAFETY: strings or null, as the command wants.
        check(unsafe { libc::syscall(libc::SYS_fsconfig, self.0.as_raw_fd(), command, key, value, 0) } as i32)
            .map(drop)
            .map_err(|error| self.explain(error))
    }

    fn mount(self, attributes: u64) -> io::Result<OwnedFd> {
        self.configure(6, std::ptr::null(), std::ptr::null())?;
        // SAFETY: no memory is passed.
        let fd = check(unsafe { libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), 1, attributes) } as i32)
            .map_err(|error| self.explain(error))?;
        // SAFETY: just opened.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Adds what the kernel logged for this context to the error, keeping its number where nothing was logged.
    fn explain(&self, error: io::Error) -> io::Error {
        let mut text = String::new();
        let mut buffer = [0_u8; 512];
        loop {
            // SAFETY: the buffer has this length.
            let read = unsafe { libc::read(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
            let Ok(read @ 1..) = usize::try_from(read) else { break };
            // Each message starts with its severity and a space.
            let message = String::from_utf8_lossy(&buffer[..read]);
            let message = message.get(2..).unwrap_or_default().trim();
            text.push_str(if text.is_empty() { "" } else { "; " });
            text.push_str(message);
        }
        if text.is_empty() || error.raw_os_error() == Some(libc::EINVAL) && text.contains("lowerdir+") {
            return error;
        }
        io::Error::new(error.kind(), format!("{error} ({text})"))
    }
}

/// A detached copy of the mount at a path.
///
/// # Errors
/// The kernel's.
pub fn open_tree(path: &CStr, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= libc::AT_RECURSIVE as u32;
    }
    // SAFETY: a string.
    let fd =
        check(unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags) } as i32)?;
    // SAFETY: just opened.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn set_attributes(
    mount: &OwnedFd,
    set: u64,
    clear: u64,
    propagation: u64,
    recursive: bool,
) -> io::Result<()> {
    if (set, clear, propagation) == (0, 0, 0) {
        return Ok(());
    }
    let attributes = [set, clear, propagation, 0];
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: an empty string and a structure of 32 bytes.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            attributes.as_ptr(),
            size_of_val(&attributes),
        )
    } as i32)
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::launcher::Launchers;

    /// Reads a file through a detached mount.
    fn content(mount: &OwnedFd, path: &str) -> String {
        let mode = rustix::fs::Mode::empty();
        let file = rustix::fs::openat(mount, path, rustix::fs::OFlags::RDONLY, mode).unwrap();
        io::read_to_string(File::from(file)).unwrap()
    }

    #[test]
    fn privileged_both_ways_to_an_overlay_agree() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let directory = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let lowers = vec![directory("a:b,c\\d"), directory("plain")];
        std::fs::write(lowers[0].join("file"), "top").unwrap();
        std::fs::write(lowers[1].join("file"), "bottom").unwrap();
        std::fs::write(lowers[1].join("other"), "below").unwrap();
        let pairs = [0, 1].map(|way| (directory(&format!("upper{way}")), directory(&format!("work{way}"))));
        let launchers = Launchers::start(1).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        launchers.submit(Box::new(move |place| {
            let mounts = place.in_engine(|| {
                pairs.map(|(upper, work)| {
                    let old = upper.ends_with("upper1");
                    let layers = Overlay { lowers: &lowers, upper: Some((&upper, &work)), userxattr: false };
                    let mount = if old {
                        overlay_by_mount(&layers, 0).unwrap()
                    } else {
                        overlay(&layers, 0).unwrap()
                    };
                    (mount, upper)
                })
            });
            sender.send(mounts.unwrap()).unwrap();
        }));
        for (mount, upper) in receiver.recv().unwrap() {
            assert_eq!(
                (content(&mount, "file"), content(&mount, "other")),
                ("top".to_owned(), "below".to_owned())
            );
            rustix::fs::mkdirat(&mount, "new", rustix::fs::Mode::RWXU).unwrap();
            assert!(upper.join("new").is_dir());
        }
        // The host saw nothing of it.
        let host = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!host.contains(dir.path().to_str().unwrap()), "{host}");
    }

    #[test]
    fn a_missing_layer_is_named() {
        let missing = [PathBuf::from("/no/such/layer")];
        let layers = Overlay { lowers: &missing, upper: None, userxattr: false };
        if rustix::process::geteuid().is_root() {
            let error = overlay(&layers, 0).err().unwrap();
            assert!(error.to_string().contains("/no/such/layer"), "{error}");
        }
    }
}
