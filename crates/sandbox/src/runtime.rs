//! How a run is started and waited for: [`Runtime`], [`Running`], [`Exit`].

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use crate::{CgroupUsage, Gauge, NetworkUsage, RunRequest, SandboxError};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that can run containers.
pub trait Runtime: Send + Sync {
    /// Starts a container. Resolves once the command runs (or once it is known that it cannot).
    ///
    /// # Errors
    /// Names the stage which failed and the path concerned; nothing is left behind then.
    fn run(&self, request: RunRequest) -> BoxFuture<'_, Result<Box<dyn Running>, SandboxError>>;

    /// Name for messages: `native`, `crun`, …
    fn name(&self) -> &str;

    /// Whether this machine can run containers this way; may make namespaces to find out, so call it off async threads.
    ///
    /// # Errors
    /// Says what is missing and what to change.
    fn check(&self) -> Result<(), SandboxError>;
}

/// A container that was started. Dropping it kills the whole tree.
pub trait Running: Send {
    /// Waits until the command has ended and the whole tree is gone. May be called again after it was cancelled;
    /// once it has returned an exit, later calls return the same.
    ///
    /// # Errors
    /// When the kernel or the OCI runtime lost track of the command.
    fn wait(&mut self) -> BoxFuture<'_, Result<Exit, SandboxError>>;

    /// Kills the whole tree with `SIGKILL`. Does not block; [`Running::wait`] tells when it is done.
    fn kill(&self);

    /// Sends a signal to the command (to all of them through the init, where there is one).
    ///
    /// # Errors
    /// When the signal number is not valid or the command is gone.
    fn signal(&self, signal: i32) -> Result<(), SandboxError>;

    /// Reads what it uses; none unless [`RunRequest::count`] asked for that.
    fn gauge(&self) -> Option<Gauge> {
        None
    }

    /// The container's address on the engine's bridge.
    fn address(&self) -> Option<IpAddr> {
        None
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exit {
    /// What the command returned.
    pub status: ExitStatus,
    /// What it cost.
    pub usage: Usage,
    /// Paths in the container's root, outermost first, which had to be created because mounts needed them and no
    /// layer had them. They are empty files or directories in the upper directory (or in a bound root).
    pub created: Vec<PathBuf>,
}

/// What a command returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitStatus {
    /// It ended by itself.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl ExitStatus {
    /// The number a shell would report: the code, or 128 + signal.
    #[must_use]
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }

    /// Whether the command ended by itself with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }
}

/// What a run cost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// From the start of the container's processes to the end of the last one.
    pub wall: Duration,
    /// CPU time in user mode of all reaped processes.
    pub user: Duration,
    /// CPU time in the kernel of all reaped processes.
    pub system: Duration,
    /// Largest resident set of a single process, bytes.
    pub max_rss_bytes: u64,
    /// What the control group counted, where there was one; all that it can only if [`RunRequest::count`] asked for that.
    pub cgroup: CgroupUsage,
    /// What went through the container's own interface; `None` unless [`RunRequest::count`] asked for it.
    pub network: Option<NetworkUsage>,
}
