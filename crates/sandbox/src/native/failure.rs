//! From what the child or the init left behind to an error that a person understands.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};

use super::plan::{Exec, Label, Plan};
use super::report::{Record, TAG_EXEC_FAILED};
use crate::SandboxError;

/// The stage that brings the loopback interface up.
pub const LOOPBACK: &str = "bring up the loopback interface";

/// Number of the root mount's descriptor, which the plan keeps open.
pub struct Root(pub RawFd);

/// What is left of a plan once its descriptors are closed.
pub struct Parts {
    pub exec: Exec,
    /// The container's root.
    pub root: Option<OwnedFd>,
}

impl Parts {
    /// Closes all descriptors of the plan but the root's.
    pub fn of(plan: Plan, root: RawFd) -> Self {
        let Plan { keep, exec, .. } = plan;
        let root = keep.into_iter().find(|fd| fd.as_raw_fd() == root);
        Self { exec, root }
    }
}

/// The clone itself failed.
pub fn clone(source: io::Error) -> SandboxError {
    match source.raw_os_error() {
        Some(libc::ENOSYS) => SandboxError::Unsupported {
            feature: "clone3".to_owned(),
            next: "Linux 5.12 or newer is needed, and a seccomp profile around the engine must allow it".to_owned(),
        },
        Some(libc::EPERM) => SandboxError::Unsupported {
            feature: "making namespaces".to_owned(),
            next: "run the engine as root or in a user namespace (sysctl user.max_user_namespaces must not be 0)"
                .to_owned(),
        },
        Some(libc::ENOSPC) => SandboxError::Unsupported {
            feature: "making one more namespace".to_owned(),
            next: "raise the limits user.max_*_namespaces (sysctl)".to_owned(),
        },
        _ => SandboxError::Stage { stage: "clone a process", path: None, source },
    }
}

/// The child stopped before the init or the command.
pub fn child(plan: &Plan, searched: &[String], root: Root) -> SandboxError {
    // SAFETY: the child has ended, so nobody writes it.
    if let Some(failure) = unsafe { *plan.outcome.exec.get() } {
        let index = failure.index as usize;
        let root = plan.keep.iter().find(|fd| fd.as_raw_fd() == root.0).map(AsFd::as_fd);
        return command(failure.errno as i32, index, failure.exists, &plan.exec, searched, root);
    }
    use std::sync::atomic::Ordering;
    let error = plan.outcome.error.load(Ordering::Acquire);
    let source = io::Error::from_raw_os_error(-error);
    let op = plan.outcome.op.load(Ordering::Relaxed) as usize;
    match plan.labels.get(op).cloned() {
        Some(Label::Mount(what, target)) => SandboxError::Mount { what, target, source },
        Some(Label::Workdir(path)) => SandboxError::Workdir { path, source },
        Some(Label::Stage(LOOPBACK, _)) if -error == libc::EPERM => SandboxError::Unsupported {
            feature: "a network namespace with loopback".to_owned(),
            next: "the engine needs CAP_NET_ADMIN for it; --network host runs containers without one"
                .to_owned(),
        },
        Some(Label::Stage(stage, path)) => SandboxError::Stage { stage, path, source },
        None if -error == libc::E2BIG => too_long(&plan.exec),
        None => SandboxError::Stage { stage: "execute the init", path: None, source },
    }
}

/// The init could not start the command.
pub fn init(record: Record, exec: &Exec, searched: &[String], root: Option<&OwnedFd>) -> SandboxError {
    let errno = record.value as i32;
    if record.tag == TAG_EXEC_FAILED {
        let root = root.map(AsFd::as_fd);
        return command(errno, record.index as usize, record.exists != 0, exec, searched, root);
    }
    let source = io::Error::from_raw_os_error(errno);
    SandboxError::Stage { stage: "start the command from the init", path: None, source }
}

fn command(
    errno: i32,
    index: usize,
    exists: bool,
    exec: &Exec,
    searched: &[String],
    root: Option<BorrowedFd<'_>>,
) -> SandboxError {
    let lossy = |text: Option<&std::ffi::CString>| {
        text.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let path = lossy(exec.paths.strings().get(index));
    let source = io::Error::from_raw_os_error(errno);
    match errno {
        libc::ENOENT | libc::ENOTDIR if !exists => SandboxError::CommandNotFound {
            command: lossy(exec.argv.strings().first()),
            searched: searched.to_vec(),
        },
        libc::ENOENT | libc::ENOTDIR => {
            let interpreter = root.and_then(|root| interpreter(root, &path));
            SandboxError::MissingInterpreter { path, interpreter }
        }
        libc::E2BIG => too_long(exec),
        libc::ENOEXEC => SandboxError::WrongFormat { path },
        libc::EACCES | libc::EPERM => SandboxError::NotExecutable { path, source },
        _ => SandboxError::Stage { stage: "execute the command", path: Some(path), source },
    }
}

/// The init is given the same arguments and variables, so it fails first where there is one.
pub fn too_long(exec: &Exec) -> SandboxError {
    let strings = exec.argv.strings().iter().chain(exec.envp.strings());
    let lengths = strings.map(|text| text.as_bytes_with_nul().len());
    let (bytes, longest) = lengths.fold((0, 0), |(sum, longest), length| (sum + length, longest.max(length)));
    SandboxError::TooLong { bytes, longest }
}

/// What a program names as its interpreter: after `#!`, or in its ELF header.
fn interpreter(root: BorrowedFd<'_>, path: &str) -> Option<String> {
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::openat2(root, path, flags, Mode::empty(), inside).ok()?;
    let mut head = Vec::new();
    File::from(fd).take(4096).read_to_end(&mut head).ok()?;
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        // A carriage return at the end is part of the name, and often the trouble.
        let line = line.trim_ascii_start();
        let name = line.split(|byte| matches!(byte, b' ' | b'\t')).next()?;
        return Some(String::from_utf8_lossy(name).escape_debug().to_string());
    }
    elf_interpreter(&head)
}

/// `PT_INTERP` of a 64-bit little-endian ELF file whose program headers lie in `head`.
fn elf_interpreter(head: &[u8]) -> Option<String> {
    const PT_INTERP: u64 = 3;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = |at: usize, size: usize| -> Option<u64> {
        let bytes = head.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    let headers = usize::try_from(number(32, 8)?).ok()?;
    let (size, count) = (number(54, 2)? as usize, number(56, 2)? as usize);
    for index in 0..count {
        let at = headers.checked_add(index * size)?;
        if number(at, 4)? == PT_INTERP {
            let offset = usize::try_from(number(at.checked_add(8)?, 8)?).ok()?;
            let length = usize::try_from(number(at.checked_add(32)?, 8)?).ok()?;
            let text = head.get(offset..offset.checked_add(length)?)?;
            return Some(String::from_utf8_lossy(text.strip_suffix(b"\0").unwrap_or(text)).into_owned());
        }
    }
    None
}
