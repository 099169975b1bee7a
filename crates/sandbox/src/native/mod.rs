//! The native executor: containers straight from the kernel's interfaces, without a program in between.
//!
//! A run goes through four stages. [`prepare`] turns the request into a [`plan`] (on a thread of [`launcher`], in the
//! engine's mount namespace). The launcher clones a child from an empty mount namespace; the child shares the engine's
//! memory until it executes something, as with `posix_spawn`, so the cost does not depend on how large the engine is.
//! [`child`] walks the plan with raw system calls only and executes the init (`init/main.rs`) or the command.
//! [`running`] waits for the end through a pidfd.

pub(crate) mod capability;
mod child;
mod exec;
pub(crate) mod failure;
mod launcher;
pub(crate) mod mounting;
pub(crate) mod mounts;
mod namespaces;
pub(crate) mod options;
pub(crate) mod plan;
pub(crate) mod prepare;
mod probe;
pub(crate) mod report;
mod running;
pub(crate) mod sys;
mod unsupported;
pub(crate) mod wait;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::lease::may_configure_network;
use crate::loopback;
use crate::{
    BoxFuture, Cgroup, Cgroups, Gauge, NetworkLease, NetworkMode, Networks, RunRequest, Running, Runtime,
    SandboxError,
};
use launcher::{LaunchFailure, Launchers, Place};
use prepare::{Prepared, Surroundings};
use report::Record;
use running::{NativeRunning, Reaper, Started};

pub use capability::ALL as ALL_CAPABILITIES;
pub(crate) use namespaces::make as empty_namespace;
pub use prepare::DEFAULT_PATH;
pub use probe::layers as probe_layers;

/// The program that is PID 1 of containers, see `init/main.rs`.
pub(crate) static INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kukri-init"));

/// What a [`NativeRuntime`] works with.
pub struct NativeConfig {
    /// Where [`NetworkMode::Bridge`] gets its namespaces; without, that mode is refused.
    pub networks: Option<Arc<dyn Networks>>,
    /// Makes control groups; without, limits of the spec are refused and the tree dies with its PID namespace only.
    pub cgroups: Option<Arc<dyn Cgroups>>,
    /// How many containers can be started at the same time. Each start takes about a millisecond.
    pub launchers: usize,
    /// How many empty network namespaces are kept ready for [`NetworkMode::None`].
    pub ready_namespaces: usize,
}

impl Default for NativeConfig {
    /// No networks, no control groups, 4 launchers, 4 ready namespaces.
    fn default() -> Self {
        Self { networks: None, cgroups: None, launchers: 4, ready_namespaces: 4 }
    }
}

/// Runs containers by itself.
pub struct NativeRuntime {
    shared: Arc<Shared>,
}

/// What is the same for all runs.
pub(crate) struct Ground {
    /// The init, in memory that nobody can change.
    init: OwnedFd,
    /// What the engine may use, as a mask.
    capabilities: u64,
    /// The highest capability of the kernel.
    last_capability: u32,
    /// Whether the engine runs in a user namespace, where devices cannot be made.
    user_namespace: bool,
    /// Compiled system call filters.
    filters: crate::seccomp::Cache,
}

struct Shared {
    config: NativeConfig,
    ground: Arc<Ground>,
    launchers: Launchers,
    namespaces: namespaces::Ready,
    reaper: Reaper,
}

impl NativeRuntime {
    /// Starts the threads. Needs no async context.
    ///
    /// # Errors
    /// When the kernel or the privileges do not allow containers; says what to change.
    pub fn new(config: NativeConfig) -> Result<Self, SandboxError> {
        let init = prepare::memory(c"kukri-init", INIT)
            .and_then(prepare::above_stdio)
            .map_err(|source| SandboxError::io("keep the init in memory", source))?;
        let ground = Ground {
            init,
            capabilities: capability::own(),
            last_capability: prepare::last_capability(),
            user_namespace: crate::userns::inside(),
            filters: crate::seccomp::Cache::default(),
        };
        let launchers = Launchers::start(config.launchers)?;
        probe::kernel()?;
        let namespaces = namespaces::Ready::start(config.ready_namespaces)?;
        let reaper = Reaper::start()?;
        Ok(Self {
            shared: Arc::new(Shared { config, ground: Arc::new(ground), launchers, namespaces, reaper }),
        })
    }
}

impl Runtime for NativeRuntime {
    fn run(&self, mut request: RunRequest) -> BoxFuture<'_, Result<Box<dyn Running>, SandboxError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let open = request.loopback.is_some();
            let lease = match request.network {
                NetworkMode::Bridge => {
                    let networks = shared.config.networks.as_ref().ok_or_else(|| {
                        SandboxError::spec("network", "this runtime has no bridge; use \"none\" or \"host\"")
                    })?;
                    // Nobody else gets a network in which a port of ours may still be closing.
                    Some(networks.lease(open || may_configure_network(&request.spec)).await?)
                }
                NetworkMode::None | NetworkMode::Host => None,
            };
            let lease = loopback::attach(&mut request, lease).await?;
            let (reply, answer) = oneshot::channel();
            let on_thread = Arc::clone(&shared);
            shared.launchers.submit(Box::new(move |place| {
                let result = start(request, lease, &on_thread, place);
                // Dropping what nobody waits for any more kills the container.
                drop(reply.send(result));
            }));
            let started = answer.await.unwrap_or_else(|_| {
                Err(SandboxError::io(
                    "start a container",
                    std::io::Error::other("the launcher thread failed"),
                ))
            })?;
            Ok(Box::new(NativeRunning::new(started)?) as Box<dyn Running>)
        })
    }

    fn name(&self) -> &str {
        "native"
    }

    fn check(&self) -> Result<(), SandboxError> {
        // `new` has made mount namespaces, a network namespace and a sealed memory file already.
        crate::seccomp::supported()
    }
}

/// Prepares and launches; runs on a launcher thread.
fn start(
    request: RunRequest,
    lease: Option<NetworkLease>,
    shared: &Arc<Shared>,
    place: &mut Place,
) -> Result<Started, SandboxError> {
    let begin = Instant::now();
    let network = match (request.network, &lease) {
        (_, Some(lease)) => Some(
            lease
                .namespace
                .as_fd()
                .try_clone_to_owned()
                .map_err(|source| SandboxError::io("copy the network namespace's descriptor", source))?,
        ),
        (NetworkMode::None, None) => shared.namespaces.take(),
        (_, None) => None,
    };
    let count = request.count;
    let (prepared, cgroup, gauge) = place.in_engine(|| {
        let mut cgroup = cgroup(&request, shared)?;
        let join = cgroup.as_mut().map(|cgroup| cgroup.join_files()).unwrap_or_default();
        let surroundings = Surroundings { network, cgroup: join };
        let gauge = count.then(|| Gauge::new(cgroup.as_deref(), lease.as_ref()));
        Ok::<_, SandboxError>((prepare::prepare(request, surroundings, &shared.ground)?, cgroup, gauge))
    })??;
    let Prepared { plan, report, root, searched } = prepared;
    let root_of = |fd| failure::Root(fd);
    let launched = match place.launch(&plan) {
        Ok(launched) => launched,
        Err(LaunchFailure::Clone(source)) => return Err(failure::clone(source)),
        Err(LaunchFailure::Child) => return Err(failure::child(&plan, &searched, root_of(root))),
    };
    // From here on, dropping `started` kills the tree.
    let mut started = Started {
        pidfd: Some(launched.pidfd),
        report,
        begin,
        cgroup,
        gauge,
        lease,
        created: Vec::new(),
        shared: Arc::clone(shared),
    };
    started.created = plan
        .created
        .iter()
        .filter(|(_, made)| made.load(std::sync::atomic::Ordering::Acquire))
        .map(|(path, _)| path.clone())
        .collect();
    started.created.dedup();
    if let Some(report) = started.report.as_mut() {
        // The child's ends of pipes must be closed here, or their readers would never see the end.
        let failure::Parts { exec, root } = failure::Parts::of(plan, root);
        if let Some(record) = read_record(report)
            && record.tag != report::TAG_STARTED
        {
            return Err(failure::init(record, &exec, &searched, root.as_ref()));
        }
    }
    Ok(started)
}

fn cgroup(request: &RunRequest, shared: &Shared) -> Result<Option<Box<dyn Cgroup>>, SandboxError> {
    let resources = request.spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
    match &shared.config.cgroups {
        Some(cgroups) => cgroups.create(&request.id, resources, request.count).map(Some),
        None if resources.is_some_and(limits_anything) => Err(SandboxError::Unsupported {
            feature: "limiting resources".to_owned(),
            next: "give the engine writable control groups, or drop the limit".to_owned(),
        }),
        None => Ok(None),
    }
}

fn limits_anything(resources: &oci_spec::runtime::LinuxResources) -> bool {
    *resources != oci_spec::runtime::LinuxResources::default()
}

/// One record, or `None` at the end of the pipe.
pub(crate) fn read_record(pipe: &mut File) -> Option<Record> {
    let mut bytes = [0_u8; size_of::<Record>()];
    pipe.read_exact(&mut bytes).ok()?;
    let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Some(Record { tag: word(0), value: word(4), index: word(8), exists: word(12) })
}
