//! What a run borrows from its surroundings: a network namespace and a control group.
//!
//! Traits, so that the native executor does not depend on how networks and control groups are made.

use std::any::Any;
use std::os::fd::OwnedFd;

use oci_spec::runtime::{Capability, LinuxResources, Spec};

use crate::SandboxError;
use crate::runtime::BoxFuture;

/// Source of ready network namespaces for [`crate::NetworkMode::Bridge`].
pub trait Networks: Send + Sync {
    /// Takes a namespace that nobody else uses, waiting for one to be made where none is ready. `may_configure`: the run
    /// has the means to change the namespace's configuration, so nobody gets it afterwards.
    ///
    /// # Errors
    /// When none can be made.
    fn lease(&self, may_configure: bool) -> BoxFuture<'_, Result<NetworkLease, SandboxError>>;
}

/// A network namespace of one run; given back when dropped.
pub struct NetworkLease {
    /// The namespace, with `lo` and the container's interface up.
    pub namespace: OwnedFd,
    /// The container's address in the bridge's network.
    pub address: Option<std::net::IpAddr>,
    /// Dropped when the run is over; gives the rest (address, veth) back.
    pub guard: Box<dyn Any + Send + Sync>,
}

/// Whether a container of this spec may change the configuration of its network namespace.
pub(crate) fn may_configure_network(spec: &Spec) -> bool {
    let capabilities = spec.process().as_ref().and_then(|process| process.capabilities().as_ref());
    let bounding = capabilities.and_then(|capabilities| capabilities.bounding().as_ref());
    bounding.is_none_or(|bounding| {
        bounding.contains(&Capability::NetAdmin) || bounding.contains(&Capability::SysAdmin)
    })
}

/// Makes control groups.
pub trait Cgroups: Send + Sync {
    /// Makes the group of run `id` with the spec's `linux.resources`; blocks on files, not for long.
    ///
    /// # Errors
    /// When the group cannot be made or a limit that was asked for cannot be set.
    fn create(&self, id: &str, resources: Option<&LinuxResources>) -> Result<Box<dyn Cgroup>, SandboxError>;
}

/// The control group of one run. Dropping it kills what is left inside and removes it (off the caller's thread).
pub trait Cgroup: Send + Sync {
    /// Files opened for writing into which the new process writes `0` to join: `cgroup.procs` of each hierarchy
    /// (v1 and v2 alike). Taken once.
    fn join_files(&mut self) -> Vec<OwnedFd>;
    /// Kills every process inside.
    fn kill(&self);
    /// What its processes have used so far.
    fn usage(&self) -> CgroupUsage;
}

/// What the kernel counted for a control group; `None` where it does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CgroupUsage {
    /// Highest memory use, bytes.
    pub memory_peak_bytes: Option<u64>,
    /// CPU time, microseconds.
    pub cpu_micros: Option<u64>,
    /// How often the kernel killed a process for want of memory.
    pub oom_kills: Option<u64>,
    /// Bytes read from block devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to block devices.
    pub write_bytes: Option<u64>,
}
