//! Starts the runtime's program with given descriptors and inside given control groups, without copying the engine's
//! memory.
//!
//! The standard library would have to fork to do either. The child shares the engine's memory until it executes the
//! program, as a child of `vfork` does: it makes system calls on what was prepared and nothing else.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::native::sys::{clone3_run, syscall};

const STACK: usize = 64 * 1024;
const LAST_SIGNAL: usize = 64;
const CLOSE_RANGE_CLOEXEC: usize = 4;

/// What the child needs. All of it outlives the child's use of it.
struct Child {
    /// Files into which it writes `0` to join control groups.
    groups: Vec<RawFd>,
    /// Descriptors to become 0, 1, 2, …
    fds: Vec<RawFd>,
    program: CString,
    argv: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    /// Positive errno, when it could not execute the program.
    failure: i32,
}

/// `struct clone_args`, as far as it is used.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// Starts `program` with these arguments and descriptors 0, 1, 2, … and no others. It joins the control
/// groups first, so nothing that it starts can be outside of them.
///
/// Signals are at their defaults in it, none is blocked, and it leads a process group of its own.
pub(super) fn spawn(
    program: &Path,
    args: &[String],
    fds: &[BorrowedFd<'_>],
    groups: &[OwnedFd],
) -> io::Result<OwnedFd> {
    let program = CString::new(program.as_os_str().as_bytes())?;
    let mut arguments = vec![program.clone()];
    for arg in args {
        arguments.push(CString::new(arg.as_str())?);
    }
    // Go programs look for a home directory; nothing of the engine's environment is passed on.
    let path = CString::from(c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let environment = [path, c"HOME=/".into()];
    // A descriptor which has its number already would keep its close-on-exec flag, and one that is still to be moved
    // might be overwritten: so all come from above the numbers that are given.
    let mut above = Vec::with_capacity(fds.len() + groups.len());
    for fd in fds {
        above.push(rustix::io::fcntl_dupfd_cloexec(fd, fds.len() as i32)?);
    }
    let mut joined = Vec::with_capacity(groups.len());
    for group in groups {
        joined.push(rustix::io::fcntl_dupfd_cloexec(group, fds.len() as i32)?);
    }
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|text| text.as_ptr()).chain(std::iter::once(std::ptr::null())).collect()
    };
    let mut child = Child {
        groups: joined.iter().map(AsRawFd::as_raw_fd).collect(),
        fds: above.iter().map(AsRawFd::as_raw_fd).collect(),
        program,
        argv: pointers(&arguments),
        environment: pointers(&environment),
        failure: 0,
    };
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let mut pidfd: RawFd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
    let clone = CloneArgs {
        flags: flags as u64,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.as_mut_ptr() as u64,
        stack_size: STACK as u64,
        ..CloneArgs::default()
    };
    // SAFETY: the child has the stack for itself, and `CLONE_VFORK` suspends this thread until the child has left the
    // memory; `child` is not touched here meanwhile. All signals are blocked, so no handler of the engine runs in it.
    let result = unsafe {
        let all = u64::MAX;
        let mut before = 0_u64;
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, 8);
        let result =
            clone3_run((&raw const clone).cast(), size_of::<CloneArgs>(), main, (&raw mut child).cast());
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const before, 0, 8);
        result
    };
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result as i32));
    }
    // SAFETY: the kernel stored a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    // SAFETY: the child, which may have written it, has left this memory.
    let failure = unsafe { (&raw const child.failure).read_volatile() };
    if failure != 0 {
        let _ = crate::native::wait::wait(&pidfd, true);
        return Err(io::Error::from_raw_os_error(failure));
    }
    Ok(pidfd)
}

/// Runs in the child.
unsafe extern "C" fn main(argument: *mut u8) -> ! {
    let child = argument.cast::<Child>();
    // SAFETY: `argument` is the parent's `Child`, which waits; nothing here allocates, locks or unwinds.
    unsafe {
        let error = become_program(&*child);
        (&raw mut (*child).failure).write_volatile(-error as i32);
        loop {
            call(libc::SYS_exit_group, [127, 0, 0, 0]);
        }
    }
}

/// Returns the negative errno of what failed.
unsafe fn become_program(child: &Child) -> isize {
    // `struct sigaction` of the kernel: handler, flags, restorer, mask; all zero is the default action.
    let default = [0_u64; 4];
    let none = 0_u64;
    // SAFETY: pointers to what is named, with the sizes the calls expect.
    unsafe {
        for group in &child.groups {
            let written = call(libc::SYS_write, [*group as usize, c"0".as_ptr() as usize, 1, 0]);
            if written < 0 {
                return written;
            }
        }
        for signal in 1..=LAST_SIGNAL {
            call(libc::SYS_rt_sigaction, [signal, (&raw const default) as usize, 0, 8]);
        }
        call(libc::SYS_setpgid, [0, 0, 0, 0]);
        for (number, fd) in child.fds.iter().enumerate() {
            let moved = call(libc::SYS_dup3, [*fd as usize, number, 0, 0]);
            if moved < 0 {
                return moved;
            }
        }
        // Also those which the engine itself was started with.
        call(libc::SYS_close_range, [child.fds.len(), u32::MAX as usize, CLOSE_RANGE_CLOEXEC, 0]);
        call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, (&raw const none) as usize, 0, 8]);
        let argv = child.argv.as_ptr() as usize;
        let environment = child.environment.as_ptr() as usize;
        call(libc::SYS_execve, [child.program.as_ptr() as usize, argv, environment, 0])
    }
}

unsafe fn call(number: libc::c_long, args: [usize; 4]) -> isize {
    // SAFETY: the caller answers for the arguments.
    unsafe { syscall(number as usize, [args[0], args[1], args[2], args[3], 0, 0]) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd;

    use super::*;
    use crate::ExitStatus;
    use crate::native::wait;

    #[test]
    fn descriptors_arrive_in_order_and_groups_are_joined_first() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let null = File::open("/dev/null").unwrap();
        let (out, err, third, group) = (file("out"), file("err"), file("third"), file("group"));
        let script = "echo out; echo err >&2; echo third >&3; trap; ls /proc/self/fd | wc -l";
        let pidfd = spawn(
            Path::new("/bin/sh"),
            &["-c".to_owned(), script.to_owned()],
            &[null.as_fd(), out.as_fd(), err.as_fd(), third.as_fd()],
            &[group.into()],
        )
        .unwrap();
        assert_eq!(wait::wait(&pidfd, true).unwrap().unwrap().status, ExitStatus::Code(0));
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            (read("err").as_str(), read("third").as_str(), read("group").as_str()),
            ("err\n", "third\n", "0")
        );
        assert_eq!(read("out"), "out\n5\n", "the four and the listing itself");
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let error = spawn(Path::new("/no/such/program"), &[], &[], &[]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
