//! Running without root: the engine itself lives in a user namespace in which it is root.
//!
//! One namespace for the whole engine rather than one for each step: a step then costs what it costs root, and the
//! files of the store belong to the ids that containers see.

use std::fs;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::SandboxError;

/// Who the engine is outside, and what helps to map more than one id.
#[derive(Clone, Debug)]
pub struct Outside {
    /// User id outside.
    pub uid: u32,
    /// Group id outside.
    pub gid: u32,
    /// Name of the user, as `/etc/subuid` may have it.
    pub name: Option<String>,
    /// Directories in which `newuidmap` and `newgidmap` are looked for.
    pub helper_path: Vec<PathBuf>,
}

/// How many ids the containers have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mapping {
    /// Only root. Packages which give files to other users cannot be installed.
    Single,
    /// Root and this many more.
    Many(u32),
}

/// Whether this process is in a user namespace that is not the machine's first one.
#[must_use]
pub fn inside() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"]
}

/// Whether the group exists in this process's user namespace.
#[must_use]
pub fn has_group(gid: u32) -> bool {
    let map = fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        match (numbers.next(), numbers.nth(1)) {
            (Some(Ok(first)), Some(Ok(count))) => gid >= first && gid - first < count,
            _ => false,
        }
    })
}

/// Starts a program as root of a new user namespace (and of a mount namespace that belongs to it).
///
/// The caller should go on only to wait for the child and to pass signals on.
///
/// # Errors
/// [`SandboxError::Unsupported`] with the setting to change where the machine forbids user namespaces.
pub fn spawn(mut command: Command, outside: &Outside) -> Result<(Child, Mapping), SandboxError> {
    let failed = |doing: &'static str| move |source: io::Error| SandboxError::io(doing, source);
    let (mut unshared, says_unshared) = std::io::pipe().map_err(failed("make a pipe"))?;
    let (is_mapped, mut mapped) = std::io::pipe().map_err(failed("make a pipe"))?;
    let (ours, theirs) = (says_unshared.as_raw_fd(), is_mapped.as_raw_fd());
    let not_theirs = mapped.as_raw_fd();
    // SAFETY: between fork and exec only system calls are made, on memory of this frame's copy.
    unsafe {
        command.pre_exec(move || {
            let check = |result: i64| if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
            // Or the read below would not end when the parent dies.
            libc::close(not_theirs);
            check(libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS).into())?;
            let pid = libc::getpid().to_ne_bytes();
            check(libc::write(ours, pid.as_ptr().cast(), pid.len()) as i64)?;
            let mut answer = [0_u8];
            if libc::read(theirs, answer.as_mut_ptr().cast(), 1) != 1 {
                return Err(io::Error::from_raw_os_error(libc::EPERM));
            }
            check(libc::setresgid(0, 0, 0).into())?;
            check(libc::setresuid(0, 0, 0).into())
        });
    }
    // `spawn` returns only when the child has executed, which it does once it is mapped.
    let spawning = std::thread::spawn(move || {
        let child = command.spawn();
        drop((says_unshared, is_mapped));
        child
    });
    let mut pid = [0; 4];
    let mapping = match unshared.read_exact(&mut pid) {
        Ok(()) => {
            let mapping = map(i32::from_ne_bytes(pid), outside);
            if mapping.is_ok() {
                let _ = mapped.write_all(&[1]);
            }
            Some(mapping)
        }
        Err(_) => None,
    };
    drop(mapped);
    let child = spawning.join().unwrap_or_else(|_| Err(io::Error::other("the thread failed")));
    match (mapping, child) {
        (Some(Err(error)), _) => Err(error),
        (Some(Ok(mapping)), Ok(child)) => Ok((child, mapping)),
        (_, Err(source)) if matches!(source.raw_os_error(), Some(libc::EPERM | libc::ENOSPC | libc::EINVAL)) => {
            Err(SandboxError::Unsupported {
                feature: format!("a user namespace ({source})"),
                next: "run the engine as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, \
                       kernel.apparmor_restrict_unprivileged_userns=0, and user.max_user_namespaces above 0"
                    .to_owned(),
            })
        }
        (_, Err(source)) => Err(SandboxError::io("start a program in a user namespace", source)),
        (None, Ok(_)) => Err(SandboxError::io("map user ids", io::ErrorKind::UnexpectedEof)),
    }
}

/// Gives the process its ids: as many as the machine grants.
fn map(pid: i32, outside: &Outside) -> Result<Mapping, SandboxError> {
    let helper = |name: &str| outside.helper_path.iter().map(|dir| dir.join(name)).find(|path| path.exists());
    let ranges = |file: &str, id: u32| {
        let text = fs::read_to_string(file).unwrap_or_default();
        granted(&text, outside.name.as_deref(), id)
    };
    if let (Some(newuidmap), Some(newgidmap), Some(uids), Some(gids)) = (
        helper("newuidmap"),
        helper("newgidmap"),
        ranges("/etc/subuid", outside.uid),
        ranges("/etc/subgid", outside.uid),
    ) {
        let count = uids.len().min(gids.len()) as u32;
        let both =
            run(&newuidmap, pid, outside.uid, &uids).and_then(|()| run(&newgidmap, pid, outside.gid, &gids));
        match both {
            Ok(()) => return Ok(Mapping::Many(count)),
            Err(error) => {
                tracing::warn!(%error, "mapping several user ids failed; containers have only root")
            }
        }
    }
    let write = |name: &str, text: String| {
        let path = format!("/proc/{pid}/{name}");
        fs::write(&path, text).map_err(|source| SandboxError::io(format!("write {path}"), source))
    };
    // Without this the kernel does not let an unprivileged process map its group.
    write("setgroups", "deny".to_owned())?;
    write("gid_map", format!("0 {} 1\n", outside.gid))?;
    write("uid_map", format!("0 {} 1\n", outside.uid))?;
    Ok(Mapping::Single)
}

fn run(helper: &Path, pid: i32, own: u32, range: &Range<u32>) -> io::Result<()> {
    let arguments =
        [pid as u32, 0, own, 1, 1, range.start, range.len() as u32].map(|number| number.to_string());
    let output = Command::new(helper).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{}: {}", helper.display(), said.trim())))
}

/// The first range that a file such as `/etc/subuid` grants to the user.
fn granted(text: &str, name: Option<&str>, id: u32) -> Option<Range<u32>> {
    let id = id.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        if Some(owner) != name && owner != id {
            return None;
        }
        let start: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        (count > 0).then(|| start..start.saturating_add(count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_or_number() {
        let text = "# none\nbob:100000:65536\n1000:300000:10\nalice:200000:65536\nempty:5:0\n";
        assert_eq!(granted(text, Some("alice"), 7), Some(200_000..265_536));
        assert_eq!(granted(text, None, 1000), Some(300_000..300_010));
        assert_eq!(granted(text, Some("empty"), 1), None);
        assert_eq!(granted(text, Some("carol"), 1), None);
    }
}
