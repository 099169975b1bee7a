//! What can be known of a process only before `main`: which of its standard streams it was given.
//!
//! The start of a Rust program opens `/dev/null` in place of a stream that is closed. Afterwards nothing tells that from a
//! `/dev/null` which whoever started the program wanted: many open it for reading and writing as well, as Python's
//! `subprocess.DEVNULL` does. It stands in this crate because a function that runs so early needs an `unsafe` attribute.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, fcntl_getfd};

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether this process was started with its standard output closed, as by `>&-` in a shell.
#[must_use]
pub fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

extern "C" fn look() {
    let closed = fcntl_getfd(rustix::stdio::stdout()) == Err(Errno::BADF);
    STDOUT_WAS_CLOSED.store(closed, Ordering::Relaxed);
}

// SAFETY: the C library calls each function of this section once, on the only thread, before `main`; glibc passes arguments,
// which a C function may leave unread. This one needs nothing that is set up later: one system call without `errno` and one
// store to an atomic, and it cannot panic.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;
