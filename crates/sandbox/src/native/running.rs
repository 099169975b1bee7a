//! A container that runs: waiting for its end, killing it, and never leaving it behind.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::report::TAG_ENDED;
use super::{Shared, read_record, wait};
use crate::{BoxFuture, Cgroup, Exit, ExitStatus, Gauge, NetworkLease, Running, SandboxError, Usage};

/// A container's processes and what belongs to them. Dropping it kills them.
pub struct Started {
    /// PID 1; `None` once it is reaped or handed over.
    pub pidfd: Option<OwnedFd>,
    /// The init's reports.
    pub report: Option<File>,
    /// When the start began.
    pub begin: Instant,
    /// Its control group.
    pub cgroup: Option<Box<dyn Cgroup>>,
    /// Reads what it uses, where that is wanted.
    pub gauge: Option<Gauge>,
    /// Its network.
    pub lease: Option<NetworkLease>,
    /// Paths that were created in its root.
    pub created: Vec<PathBuf>,
    /// Keeps the launcher threads alive: the container dies with the thread that cloned it.
    pub shared: Arc<Shared>,
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(pidfd) = self.pidfd.take() {
            let _ = wait::signal(&pidfd, libc::SIGKILL);
            self.shared.reaper.take(Remains {
                pidfd,
                _cgroup: self.cgroup.take(),
                _lease: self.lease.take(),
            });
        }
    }
}

/// The native executor's [`Running`].
pub struct NativeRunning {
    started: Started,
    watch: Option<AsyncFd<OwnedFd>>,
    exit: Option<Exit>,
}

impl NativeRunning {
    /// Takes over a started container; must be called in an async context.
    pub fn new(started: Started) -> Result<Self, SandboxError> {
        let lost = |source| SandboxError::io("watch a container", source);
        let pidfd = started.pidfd.as_ref().ok_or_else(|| lost(io::ErrorKind::NotFound.into()))?;
        let copy = pidfd.try_clone().map_err(lost)?;
        // SAFETY: an `OwnedFd` names the same open descriptor until it is dropped, which the `AsyncFd` does itself.
        let watch = unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) }
            .map_err(|refused| lost(refused.into()))?;
        Ok(Self { started, watch: Some(watch), exit: None })
    }

    /// Reaps PID 1, which is known to have ended.
    fn finish(&mut self) -> Result<Option<Exit>, SandboxError> {
        let lost = |source| SandboxError::io("wait for a container", source);
        let pidfd = self.started.pidfd.as_ref().ok_or_else(|| lost(io::ErrorKind::NotFound.into()))?;
        let Some(ended) = wait::wait(pidfd, false).map_err(lost)? else { return Ok(None) };
        let wall = self.started.begin.elapsed();
        self.started.pidfd = None;
        self.watch = None;
        let mut status = ended.status;
        // The init ends with a number; what the command did stands in its last report.
        while let Some(record) = self.started.report.as_mut().and_then(read_record) {
            if record.tag == TAG_ENDED && matches!(status, ExitStatus::Code(_)) {
                let signal = (record.value & 0x7f) as i32;
                let code = (record.value >> 8 & 0xff) as i32;
                status = if signal == 0 { ExitStatus::Code(code) } else { ExitStatus::Signal(signal) };
            }
        }
        let network = self.started.gauge.as_ref().and_then(Gauge::network);
        let cgroup = match &self.started.gauge {
            Some(gauge) => gauge.cgroup(),
            None => self.started.cgroup.as_ref().map(|cgroup| cgroup.usage()).unwrap_or_default(),
        };
        self.started.cgroup = None;
        self.started.lease = None;
        let exit = Exit {
            status,
            usage: Usage {
                wall,
                user: ended.user,
                system: ended.system,
                max_rss_bytes: ended.max_rss_bytes,
                cgroup,
                network,
            },
            created: std::mem::take(&mut self.started.created),
        };
        self.exit = Some(exit.clone());
        Ok(Some(exit))
    }
}

impl Running for NativeRunning {
    fn wait(&mut self) -> BoxFuture<'_, Result<Exit, SandboxError>> {
        Box::pin(async move {
            loop {
                if let Some(exit) = &self.exit {
                    return Ok(exit.clone());
                }
                if let Some(watch) = &self.watch {
                    let mut ready = watch
                        .readable()
                        .await
                        .map_err(|source| SandboxError::io("watch a container", source))?;
                    ready.clear_ready();
                }
                self.finish()?;
            }
        })
    }

    fn kill(&self) {
        if let Some(pidfd) = &self.started.pidfd {
            let _ = wait::signal(pidfd, libc::SIGKILL);
        }
    }

    fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        let doing = || format!("send signal {signal}");
        match &self.started.pidfd {
            Some(pidfd) => wait::signal(pidfd, signal).map_err(|source| SandboxError::io(doing(), source)),
            None => Err(SandboxError::io(doing(), io::Error::from_raw_os_error(libc::ESRCH))),
        }
    }

    fn gauge(&self) -> Option<Gauge> {
        self.started.gauge.clone()
    }

    fn address(&self) -> Option<IpAddr> {
        self.started.lease.as_ref().and_then(|lease| lease.address)
    }
}

/// A killed process that must still be reaped; what it used is given back after that.
struct Remains {
    pidfd: OwnedFd,
    _cgroup: Option<Box<dyn Cgroup>>,
    _lease: Option<NetworkLease>,
}

/// A thread that reaps what was dropped before it had ended.
pub struct Reaper {
    sender: Mutex<mpsc::Sender<Remains>>,
}

impl Reaper {
    /// Starts the thread; it ends when this is dropped and nothing is left to reap.
    pub fn start() -> Result<Self, SandboxError> {
        let (sender, receiver) = mpsc::channel::<Remains>();
        std::thread::Builder::new()
            .name("sandbox-reaper".to_owned())
            .spawn(move || {
                for remains in receiver {
                    // Killed already, so this takes about a millisecond.
                    let _ = wait::wait(&remains.pidfd, true);
                }
            })
            .map_err(|source| SandboxError::io("start a thread for containers", source))?;
        Ok(Self { sender: Mutex::new(sender) })
    }

    fn take(&self, remains: Remains) {
        let _ = self.sender.lock().unwrap_or_else(PoisonError::into_inner).send(remains);
    }
}
