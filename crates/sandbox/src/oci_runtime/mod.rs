//! Runs containers through an OCI runtime such as crun or runc.
//!
//! The same request as for the native executor becomes a bundle. All mounts are made by us, in a mount namespace which
//! only the runtime's process is in, so that nothing of it shows on the host and all of it goes with the container,
//! even after `kill -9` of the engine. PID 1 is our own init, which tells through a pipe whether and how the command
//! ran: so the command's failures are never mistaken for the runtime's, whatever the runtime says.
//!
//! State lies in `<state_dir>/<engine>/`: `lock` (held while the engine lives), `program`, `root` (the runtime's own
//! state), `bundle` (where each container's namespace has its bundle mounted), `runs` (logs and pid files).

mod bundle;
mod place;
mod rootfs;
mod running;
mod spawn;
mod state;

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::lease::may_configure_network;
use crate::loopback;
use crate::native::prepare::DEFAULT_PATH;
use crate::{BoxFuture, Cgroups, NetworkMode, Networks, RunRequest, Running, Runtime, SandboxError};
use place::Place;
use running::Started;
use state::StateDir;

/// What went wrong with an OCI runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciRuntimeError {
    /// There is no such program.
    #[error("no OCI runtime {program:?} (looked in {searched}); install it, or name it by its path")]
    NotFound {
        /// As it was asked for.
        program: PathBuf,
        /// Directories, separated by colons.
        searched: String,
    },
    /// The program cannot be started.
    #[error("cannot start the OCI runtime {}: {source}", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The runtime gave up before the command ran.
    #[error("the OCI runtime {} failed: {message}", program.display())]
    Failed {
        /// Its path.
        program: PathBuf,
        /// What it logged, or its exit status where it logged nothing.
        message: String,
    },
    /// The bundle cannot be made.
    #[error("cannot {doing}: {source}")]
    Bundle {
        /// The step, with the path concerned.
        doing: String,
        /// Why.
        source: io::Error,
    },
}

impl OciRuntimeError {
    fn bundle(doing: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Bundle { doing: doing.into(), source: source.into() }
    }
}

/// What an [`OciRuntime`] works with.
#[derive(Clone)]
pub struct OciRuntimeConfig {
    /// `crun`, `runc`, `youki`, `runsc`, or the path of a program with the same command line.
    pub program: PathBuf,
    /// Where state of running containers is kept; may be shared by engines.
    pub state_dir: PathBuf,
    /// Where [`NetworkMode::Bridge`] gets its namespaces; without, that mode is refused.
    pub networks: Option<Arc<dyn Networks>>,
    /// Makes control groups, in which the runtime and its container run together: its own processes, one to twelve,
    /// count against limits. Without, limits are left to the runtime.
    pub cgroups: Option<Arc<dyn Cgroups>>,
}

/// Programs whose command lines differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Crun,
    Runsc,
    /// The command line of runc.
    Other,
}

/// Runs containers through a program.
pub struct OciRuntime {
    shared: Arc<Shared>,
}

struct Shared {
    program: PathBuf,
    kind: Kind,
    name: String,
    networks: Option<Arc<dyn Networks>>,
    cgroups: Option<Arc<dyn Cgroups>>,
    place: Place,
    state: StateDir,
}

impl OciRuntime {
    /// Finds the program, clears away what killed engines left in the state directory, and starts a thread.
    ///
    /// # Errors
    /// When the program is not found or the state directory cannot be used.
    pub fn new(config: OciRuntimeConfig) -> Result<Self, SandboxError> {
        let program = find(&config.program)?;
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = match name.as_str() {
            "crun" => Kind::Crun,
            "runsc" => Kind::Runsc,
            _ => Kind::Other,
        };
        let place = Place::start()?;
        let state = StateDir::open(&config.state_dir, &program, &place)?;
        let shared =
            Shared { program, kind, name, networks: config.networks, cgroups: config.cgroups, place, state };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Runtime for OciRuntime {
    fn run(&self, mut request: RunRequest) -> BoxFuture<'_, Result<Box<dyn Running>, SandboxError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let open = request.loopback.is_some();
            let lease = match request.network {
                NetworkMode::Bridge => {
                    let networks = shared.networks.as_ref().ok_or_else(|| {
                        SandboxError::spec("network", "this runtime has no bridge; use \"none\" or \"host\"")
                    })?;
                    // Nobody else gets a network in which a port of ours may still be closing.
                    Some(networks.lease(open || may_configure_network(&request.spec)).await?)
                }
                NetworkMode::None | NetworkMode::Host => None,
            };
            let lease = loopback::attach(&mut request, lease).await?;
            let (reply, answer) = oneshot::channel();
            let starting = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("kukri-oci-run".into())
                .spawn(move || running::supervise(request, lease, starting, reply))
                .map_err(|source| SandboxError::io("start a thread for a container", source))?;
            let started: Started = answer.await.unwrap_or_else(|_| {
                Err(SandboxError::io("start a container", io::Error::other("its thread failed")))
            })?;
            Ok(Box::new(started) as Box<dyn Running>)
        })
    }

    fn name(&self) -> &str {
        &self.shared.name
    }

    fn check(&self) -> Result<(), SandboxError> {
        let program = &self.shared.program;
        let output = self.shared.place.inside(true, || {
            Command::new(program).arg("--version").env_clear().stdin(Stdio::null()).output()
        })?;
        let output = output.map_err(|source| OciRuntimeError::Start { program: program.clone(), source })?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(OciRuntimeError::Failed { program: program.clone(), message }.into())
    }
}

impl Shared {
    /// Options which come before the runtime's command.
    fn global_options(&self, log: &Path) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut options: Vec<String> =
            ["--root".into(), text(&self.state.root()), "--log".into(), text(log)].into();
        options.extend(["--log-format".into(), "json".into()]);
        if self.kind == Kind::Crun {
            // The groups are ours; crun 1.8 refuses hybrid machines otherwise.
            options.push("--cgroup-manager=disabled".into());
        }
        options
    }
}

/// The program's path.
fn find(program: &Path) -> Result<PathBuf, OciRuntimeError> {
    let searched: Vec<&str> =
        if program.components().count() > 1 { vec![""] } else { DEFAULT_PATH.split(':').collect() };
    searched
        .iter()
        .map(|directory| Path::new(directory).join(program))
        .find(|path| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file())
        .ok_or_else(|| OciRuntimeError::NotFound {
            program: program.to_owned(),
            searched: searched.join(":"),
        })
}

/// The network namespace of a lease, as a descriptor of its own.
fn namespace_of(lease: Option<&crate::NetworkLease>) -> Result<Option<std::os::fd::OwnedFd>, SandboxError> {
    lease
        .map(|lease| lease.namespace.as_fd().try_clone_to_owned())
        .transpose()
        .map_err(|source| SandboxError::io("copy the network namespace's descriptor", source))
}
