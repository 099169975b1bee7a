//! What a run borrows from its surroundings: a network namespace and a control group.
//!
//! Traits, so that the native executor does not depend on how networks and control groups are made.

use std::any::Any;
use std::os::fd::OwnedFd;
use std::sync::Arc;

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
    /// Reads what went through the container's interface; none where nobody counts it.
    pub counters: Option<NetworkReader>,
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
    /// Makes the group of run `id` with the spec's `linux.resources`; blocks on files, not for long. `count`: whatever
    /// this machine can count of the run is counted, also where that costs something.
    ///
    /// # Errors
    /// When the group cannot be made or a limit that was asked for cannot be set.
    fn create(
        &self,
        id: &str,
        resources: Option<&LinuxResources>,
        count: bool,
    ) -> Result<Box<dyn Cgroup>, SandboxError>;
}

/// The control group of one run. Dropping it kills what is left inside and removes it (off the caller's thread).
pub trait Cgroup: Send + Sync {
    /// Files opened for writing into which the new process writes `0` to join: `cgroup.procs` of each hierarchy
    /// (v1 and v2 alike). Taken once.
    fn join_files(&mut self) -> Vec<OwnedFd>;
    /// Kills every process inside.
    fn kill(&self);
    /// What its processes have used so far, without what takes longer to read: the present use of memory, processor
    /// time by mode, and pressure.
    fn usage(&self) -> CgroupUsage;
    /// Reads all of it, for as long as the group is there.
    fn reader(&self) -> CgroupReader;
}

/// Reads what a control group counts; nothing is known once it is gone. Blocks on files, not for long.
pub type CgroupReader = Arc<dyn Fn() -> CgroupUsage + Send + Sync>;
/// Reads what an interface counts; `None` once it is gone. Blocks on a file, not for long.
pub type NetworkReader = Arc<dyn Fn() -> Option<NetworkUsage> + Send + Sync>;

/// What the kernel counted for a control group; `None` where it does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CgroupUsage {
    /// Highest memory use, bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Present memory use, bytes; with the files that the kernel keeps in memory for it.
    pub memory_current_bytes: Option<u64>,
    /// CPU time, microseconds.
    pub cpu_micros: Option<u64>,
    /// CPU time in user mode, microseconds.
    pub user_micros: Option<u64>,
    /// CPU time in the kernel, microseconds.
    pub system_micros: Option<u64>,
    /// How often the kernel killed a process for want of memory.
    pub oom_kills: Option<u64>,
    /// How many tries to start a process the limit has stopped.
    pub refused_processes: Option<u64>,
    /// Bytes read from block devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to block devices.
    pub write_bytes: Option<u64>,
    /// Time without a processor.
    pub cpu_pressure: Pressure,
    /// Time without memory.
    pub memory_pressure: Pressure,
    /// Time without a disk.
    pub io_pressure: Pressure,
}

/// How long processes had to wait for something that others used, as the kernel's pressure stall information has it;
/// `None` where the kernel does not count it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pressure {
    /// At least one of them, microseconds.
    pub some_micros: Option<u64>,
    /// All that had something to do, microseconds.
    pub full_micros: Option<u64>,
}

/// What went through a container's interface, as the container sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NetworkUsage {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets for the container that were dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets of the container that were dropped.
    pub tx_dropped: u64,
}

impl NetworkUsage {
    /// What has been added since another count of the same interface.
    #[must_use]
    pub const fn since(&self, before: &Self) -> Self {
        Self {
            rx_bytes: self.rx_bytes.saturating_sub(before.rx_bytes),
            rx_packets: self.rx_packets.saturating_sub(before.rx_packets),
            rx_dropped: self.rx_dropped.saturating_sub(before.rx_dropped),
            tx_bytes: self.tx_bytes.saturating_sub(before.tx_bytes),
            tx_packets: self.tx_packets.saturating_sub(before.tx_packets),
            tx_dropped: self.tx_dropped.saturating_sub(before.tx_dropped),
        }
    }
}

/// Reads what a run has used so far. Clones read the same; the run need not live.
#[derive(Clone, Default)]
pub struct Gauge {
    cgroup: Option<CgroupReader>,
    /// With what the interface had counted before the run.
    network: Option<(NetworkReader, NetworkUsage)>,
}

impl Gauge {
    /// For a run that is about to start. Blocks, not for long.
    pub(crate) fn new(cgroup: Option<&dyn Cgroup>, lease: Option<&NetworkLease>) -> Self {
        let network = lease.and_then(|lease| lease.counters.clone());
        Self {
            cgroup: cgroup.map(Cgroup::reader),
            network: network.and_then(|read| read().map(|before| (read, before))),
        }
    }

    /// What its control group has counted.
    #[must_use]
    pub fn cgroup(&self) -> CgroupUsage {
        self.cgroup.as_ref().map(|read| read()).unwrap_or_default()
    }

    /// What went through its interface; `None` where it has none of its own, or no more.
    #[must_use]
    pub fn network(&self) -> Option<NetworkUsage> {
        let (read, before) = self.network.as_ref()?;
        Some(read()?.since(before))
    }
}
