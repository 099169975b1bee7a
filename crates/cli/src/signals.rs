//! Signals for a program that this one has started and waits for.
//!
//! A terminal sends its signals, such as that of Ctrl-C, to all processes in front of it, so the program has got them as
//! well, and must not get them twice: a second one means "at once" to many. What another process sends is for this process
//! alone, though the program is meant, and is passed on. The kernel says which of both it is.

use std::ffi::c_int;
use std::io;

use rustix::process::{Pid, Signal as Number, getpgid, getpgrp, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::{Handle, SignalsInfo};
use signal_hook::low_level::siginfo::Cause;
use tokio::sync::mpsc;

use crate::exit::Signal;

/// What came.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    number: Number,
    /// Whether the kernel sent it, as it does for a terminal.
    by_kernel: bool,
}

/// Those that come to this process. Until this is dropped, none of them does what it does by default.
pub struct Signals {
    handle: Handle,
    sent: mpsc::UnboundedReceiver<Sent>,
}

impl Signals {
    /// Listens to those that end a command.
    pub fn listen() -> io::Result<Self> {
        let mut signals = SignalsInfo::<WithOrigin>::new(heard([SIGINT, SIGTERM]))?;
        let handle = signals.handle();
        let (sender, sent) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for origin in signals.forever() {
                let Some(number) = number(origin.signal) else { continue };
                if sender.send(Sent { number, by_kernel: matches!(origin.cause, Cause::Kernel) }).is_err() {
                    break;
                }
            }
        });
        Ok(Self { handle, sent })
    }

    /// Listens as well to those that may mean something to the program alone.
    pub fn listen_to_all(&self) -> io::Result<()> {
        heard([SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]).try_for_each(|number| self.handle.add_signal(number))
    }

    /// The next one.
    pub async fn next(&mut self) -> Sent {
        match self.sent.recv().await {
            Some(sent) => sent,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
    }
}

impl Sent {
    /// As which this process ends where there is no program yet.
    pub fn ends(self) -> Signal {
        if self.number == Number::INT { Signal::Interrupt } else { Signal::Terminate }
    }

    /// Whether a program that goes on after it is to be killed.
    pub fn is_last(self) -> bool {
        self.number == Number::TERM
    }

    /// Sends it to the program, unless that has got it.
    pub fn pass_on(self, program: Pid) {
        if !(self.by_kernel && getpgid(Some(program)).is_ok_and(|group| group == getpgrp())) {
            // It may have ended just now.
            let _ = kill_process(program, self.number);
        }
    }
}

/// Those that are not ignored. What is ignored from the start, as after `nohup`, is so for the program as well, which it would
/// not be any more.
fn heard<const N: usize>(numbers: [c_int; N]) -> impl Iterator<Item = c_int> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    numbers.into_iter().filter(move |number| ignored & (1 << (number - 1)) == 0)
}

fn number(raw: c_int) -> Option<Number> {
    [
        (SIGHUP, Number::HUP),
        (SIGINT, Number::INT),
        (SIGQUIT, Number::QUIT),
        (SIGTERM, Number::TERM),
        (SIGUSR1, Number::USR1),
        (SIGUSR2, Number::USR2),
    ]
    .into_iter()
    .find_map(|(known, number)| (known == raw).then_some(number))
}
