//! PID 1 of a container: starts the command, passes signals on, reaps orphans, ends with the command.
//!
//! Arguments: its own name, the number of paths to try, those paths, then the command's arguments. The environment is
//! the command's. Descriptor 3 is the pipe to the engine; where its own name ends in `+`, the command's standard streams
//! are the three descriptors after that one. All signals are blocked when it starts: a process without
//! handlers that is PID 1 would lose them otherwise.
//!
//! A program of a few kilobytes without any library, because it is started for every step: loading it costs less than
//! a tenth of a millisecond, and the engine's own executable is never visible inside a container.
#![no_std]
#![no_main]

#[path = "../src/native/exec.rs"]
mod exec;
#[path = "../src/native/report.rs"]
mod report;
#[path = "../src/native/sys.rs"]
mod sys;

use core::mem::MaybeUninit;
use exec::{ExecFailure, exec_first};
use report::{REPORT_FD, Record, TAG_CLONE_FAILED, TAG_ENDED, TAG_EXEC_FAILED, TAG_STARTED};
use sys::{clone_run, syscall};

#[cfg(target_arch = "x86_64")]
mod number {
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const FCNTL: usize = 72;
    pub const SETSID: usize = 112;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const PRCTL: usize = 157;
    pub const EXIT_GROUP: usize = 231;
    pub const PPOLL: usize = 271;
    pub const DUP3: usize = 292;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const DUP3: usize = 24;
    pub const FCNTL: usize = 25;
    pub const IOCTL: usize = 29;
    pub const CLOSE: usize = 57;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const EXIT_GROUP: usize = 94;
    pub const KILL: usize = 129;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const RT_SIGTIMEDWAIT: usize = 137;
    pub const SETSID: usize = 157;
    pub const PRCTL: usize = 167;
    pub const WAIT4: usize = 260;
}

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {entry}",
    "ud2",
    entry = sym entry
);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "bl {entry}",
    "brk 1",
    entry = sym entry
);

const SIGCHLD: isize = 17;
const SIGIO: isize = 29;
const ECHILD: isize = -10;
const CLONE_VM: usize = 0x100;
const CLONE_VFORK: usize = 0x4000;
const PR_SET_DUMPABLE: usize = 4;
const F_SETFD: usize = 2;
const F_SETFL: usize = 4;
const F_SETOWN: usize = 8;
const O_WRONLY: usize = 1;
const O_ASYNC: usize = 0o20000;
const POLLERR: u16 = 8;
const SIG_SETMASK: usize = 2;
const TIOCSCTTY: usize = 0x540E;
const WNOHANG: usize = 1;
const STACK: usize = 16 * 1024;

/// What the process that becomes the command needs, and what it leaves when it cannot.
struct Command {
    paths: *const *const u8,
    count: usize,
    argv: *const *const u8,
    envp: *const *const u8,
    failure: Option<ExecFailure>,
}

/// A system call with up to four arguments.
unsafe fn call(number: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    // SAFETY: the caller answers for the arguments.
    unsafe { syscall(number, [a, b, c, d, 0, 0]) }
}

unsafe extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: the kernel lays out argc, argv, a null, envp, a null at the start of the stack; the engine passes at
    // least the first two arguments and as many paths as the second one says.
    unsafe {
        // The engine has blocked all signals already; an OCI runtime has not.
        let all = u64::MAX;
        call(number::RT_SIGPROCMASK, SIG_SETMASK, (&raw const all) as usize, 0, 8);
        call(number::PRCTL, PR_SET_DUMPABLE, 0, 0, 0);
        call(number::FCNTL, REPORT_FD, F_SETFD, 1, 0);
        // Under an OCI runtime this process is not the engine's child, so nothing else tells that the engine is gone.
        call(number::FCNTL, REPORT_FD, F_SETOWN, 1, 0);
        call(number::FCNTL, REPORT_FD, F_SETFL, O_WRONLY | O_ASYNC, 0);
        let argc = *stack;
        let argv = stack.add(1).cast::<*const u8>();
        let envp = argv.add(argc + 1);
        if ends_with_plus(*argv) {
            take_stdio();
        }
        let count = decimal(*argv.add(1));
        let mut command =
            Command { paths: argv.add(2), count, argv: argv.add(2 + count), envp, failure: None };
        let main = start(&mut command);
        for stdio in 0..3 {
            call(number::CLOSE, stdio, 0, 0, 0);
        }
        watch(main)
    }
}

/// Takes the standard streams from the descriptors after the pipe's: some OCI runtimes put pipes of their own in between.
fn take_stdio() {
    for stdio in 0..3 {
        let given = REPORT_FD + 1 + stdio;
        // SAFETY: plain numbers.
        unsafe {
            call(number::DUP3, given, stdio, 0, 0);
            call(number::CLOSE, given, 0, 0, 0);
        }
    }
}

unsafe fn ends_with_plus(text: *const u8) -> bool {
    let (mut at, mut last) = (text, 0);
    // SAFETY: `text` ends with a null byte.
    unsafe {
        while *at != 0 {
            last = *at;
            at = at.add(1);
        }
    }
    last == b'+'
}

/// Starts the command, or reports why not and ends.
unsafe fn start(command: &mut Command) -> isize {
    let mut stack = MaybeUninit::<[u128; STACK / 16]>::uninit();
    // SAFETY: the child has this stack for itself: CLONE_VFORK suspends this process until the child has executed the
    // command or has ended, and by then it has left the stack. `command` outlives it for the same reason.
    let main = unsafe {
        let top = stack.as_mut_ptr().cast::<u8>().add(STACK);
        clone_run(CLONE_VM | CLONE_VFORK | SIGCHLD as usize, top, become_command, (&raw mut *command).cast())
    };
    if main < 0 {
        send(Record { tag: TAG_CLONE_FAILED, value: -main as u32, index: 0, exists: 0 });
        exit(127);
    }
    // SAFETY: the child, which may have written it, has left this memory.
    if let Some(failure) = unsafe { (&raw const command.failure).read_volatile() } {
        send(Record {
            tag: TAG_EXEC_FAILED,
            value: failure.errno,
            index: failure.index,
            exists: failure.exists.into(),
        });
        exit(127);
    }
    send(Record { tag: TAG_STARTED, value: 0, index: 0, exists: 0 });
    main
}

/// Runs in the child: a session of its own, the terminal if there is one, no blocked signals, the command.
unsafe extern "C" fn become_command(argument: *mut u8) -> ! {
    let command = argument.cast::<Command>();
    let none = 0_u64;
    // SAFETY: `argument` is the parent's `Command`, which waits; the mask is eight bytes.
    unsafe {
        call(number::SETSID, 0, 0, 0, 0);
        call(number::IOCTL, 0, TIOCSCTTY, 0, 0);
        call(number::RT_SIGPROCMASK, SIG_SETMASK, (&raw const none) as usize, 0, 8);
        let failure = exec_first((*command).paths, (*command).count, (*command).argv, (*command).envp);
        (&raw mut (*command).failure).write_volatile(Some(failure));
    }
    exit(127)
}

/// Passes signals on and reaps until the command has ended; then ends like it, which ends everything else here.
unsafe fn watch(main: isize) -> ! {
    let all = u64::MAX;
    loop {
        // SAFETY: the mask is eight bytes.
        let signal = unsafe { call(number::RT_SIGTIMEDWAIT, (&raw const all) as usize, 0, 0, 8) };
        if signal == SIGCHLD {
            reap(main);
        } else if signal == SIGIO {
            // Comes whenever the engine reads, too.
            if engine_is_gone() {
                exit(137);
            }
        } else if signal > 0 {
            // SAFETY: `kill` touches no memory.
            unsafe { call(number::KILL, main as usize, signal as usize, 0, 0) };
        }
    }
}

/// Whether nobody can read the reports any more.
fn engine_is_gone() -> bool {
    #[repr(C)]
    struct PollFd {
        fd: i32,
        events: u16,
        returned: u16,
    }
    let mut report = PollFd { fd: REPORT_FD as i32, events: 0, returned: 0 };
    let at_once = [0_u64; 2];
    // SAFETY: one entry, and a timeout of two words.
    let ready =
        unsafe { call(number::PPOLL, (&raw mut report) as usize, 1, (&raw const at_once) as usize, 0) };
    ready == 1 && report.returned & POLLERR != 0
}

/// Takes the status of every child that has ended.
fn reap(main: isize) {
    loop {
        let mut status = 0_u32;
        // SAFETY: `status` is four bytes that the kernel may write.
        let pid = unsafe { call(number::WAIT4, usize::MAX, (&raw mut status) as usize, WNOHANG, 0) };
        if pid == main {
            send(Record { tag: TAG_ENDED, value: status, index: 0, exists: 0 });
            let signal = status & 0x7f;
            exit(if signal == 0 { (status >> 8) & 0xff } else { 128 + signal });
        }
        if pid == 0 || pid == ECHILD {
            return;
        }
    }
}

fn send(record: Record) {
    // SAFETY: the record is plain memory of this size.
    unsafe { call(number::WRITE, REPORT_FD, (&raw const record) as usize, size_of::<Record>(), 0) };
}

fn exit(code: u32) -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { call(number::EXIT_GROUP, code as usize, 0, 0, 0) };
    }
}

/// The number that a string of digits says.
unsafe fn decimal(text: *const u8) -> usize {
    let mut value = 0;
    let mut at = text;
    // SAFETY: `text` ends with a null byte, which is no digit.
    unsafe {
        while (*at).is_ascii_digit() {
            value = value * 10 + usize::from(*at - b'0');
            at = at.add(1);
        }
    }
    value
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(126)
}

/// The compiler may call these for plain copies; no library brings them here.
mod memory {
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
        for at in 0..count {
            // SAFETY: the caller gives `count` bytes at both; volatile, or this loop would be turned into `memcpy`.
            unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
        }
        to
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, value: i32, count: usize) -> *mut u8 {
        for at in 0..count {
            // SAFETY: the caller gives `count` bytes.
            unsafe { to.add(at).write_volatile(value as u8) };
        }
        to
    }
}
