//! Waiting for a process by its pidfd, with what it used.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::ExitStatus;

/// How a process ended.
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// CPU time in user mode, with that of all it reaped.
    pub user: Duration,
    /// CPU time in the kernel, with that of all it reaped.
    pub system: Duration,
    /// Largest resident set, bytes.
    pub max_rss_bytes: u64,
}

/// Reaps the process. `Ok(None)` when it still runs and `block` is false.
///
/// # Errors
/// `ECHILD` when it is not a child of this process or was reaped already.
pub fn wait(pidfd: &OwnedFd, block: bool) -> io::Result<Option<Ended>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let options = libc::WEXITED | libc::__WALL | if block { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: both structures have room for what the kernel writes; libc's `waitid` leaves out the usage.
        let result = unsafe {
            libc::syscall(
                libc::SYS_waitid,
                libc::P_PIDFD,
                pidfd.as_raw_fd(),
                info.as_mut_ptr(),
                options,
                usage.as_mut_ptr(),
            )
        };
        if result == 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: zeroed before, so valid even where the kernel wrote nothing.
    let (info, usage) = unsafe { (info.assume_init(), usage.assume_init()) };
    // SAFETY: for a child's end (or zeroes) these fields of the union are the ones in use.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let status =
        if info.si_code == libc::CLD_EXITED { ExitStatus::Code(status) } else { ExitStatus::Signal(status) };
    let duration = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    Ok(Some(Ended {
        status,
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        max_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    }))
}

/// Sends a signal to the process.
///
/// # Errors
/// `ESRCH` when it has ended, `EINVAL` when there is no such signal.
pub fn signal(pidfd: &OwnedFd, signal: i32) -> io::Result<()> {
    // SAFETY: no memory is passed.
    let result = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, std::ptr::null::<u8>(), 0)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
