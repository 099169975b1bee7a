//! Keeps network namespaces ready.
//!
//! Taking one costs a lock; making one (about 1.5 ms) happens on the pool's own thread. One in which nothing was ever
//! sent, by a run that could not configure it, is as good as new and is given out again. Any other is never taken apart: the last file descriptor is closed and the kernel clears it away in its own time. Its address is used again
//! only when the kernel has done so, which shows in the outer interface being gone.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::NetworkError;
use super::counters;
use super::dns::{self, Forwarder, LocalNames};
use super::instance::{Ownership, StartLock, own_bridge};
use super::namespace::{Maker, Plan};
use super::netlink::Socket;
use super::nft::Firewall;
use super::resolv::ResolvConf;
use super::rtnl::{self, By};
use super::subnet::{self, Subnet};
use crate::runtime::BoxFuture;
use crate::{NetworkLease, Networks, SandboxError};

/// How long [`Pool::take`] waits when none is ready.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause of the filling thread after a failure.
const RETRY: Duration = Duration::from_millis(20);
/// The kernel's default, used where the default route does not tell.
const USUAL_MTU: u32 = 1500;
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// How to set up the containers' network.
#[derive(Clone)]
pub struct PoolConfig {
    /// Preferred name of the bridge, at most 9 letters; default `kukri0`. Where another engine owns it, the next
    /// number is taken.
    pub bridge: String,
    /// Preferred subnet; default 10.87.0.0/16. Where it overlaps a route of the host, another private one is taken.
    pub subnet: Subnet,
    /// Namespaces kept ready; default 16.
    pub size: usize,
    /// The host's DNS servers, in the order in which they are asked. Loopback addresses are fine.
    pub dns: Vec<IpAddr>,
    /// Domains which containers try for short names.
    pub search: Vec<String>,
    /// Resolver options for containers, such as `ndots:1`.
    pub dns_options: Vec<String>,
    /// Bytes per packet; default that of the interface which the default route leaves by.
    pub mtu: Option<u32>,
    /// Names which the engine answers itself.
    pub local_names: Option<Arc<dyn LocalNames>>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            bridge: "kukri0".into(),
            subnet: Subnet::default(),
            size: 16,
            dns: Vec::new(),
            search: Vec::new(),
            dns_options: Vec::new(),
            mtu: None,
            local_names: None,
        }
    }
}

impl std::fmt::Debug for PoolConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolConfig")
            .field("bridge", &self.bridge)
            .field("subnet", &self.subnet)
            .field("size", &self.size)
            .field("dns", &self.dns)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

/// The bridge, its NAT and DNS, and the namespaces kept ready. Dropping it takes all of them down; namespaces already
/// taken live on without a way out.
pub struct Pool {
    shared: Arc<Shared>,
    filler: Option<JoinHandle<()>>,
    subnet: Subnet,
    mtu: u32,
    resolv_conf: String,
    warnings: Vec<String>,
    // Dropped in this order: first what uses the bridge, then the bridge, then its name.
    _dns: Forwarder,
    _firewall: Firewall,
    _bridge: Bridge,
}

/// A network namespace of one container; dropping it gives the address back.
pub struct NetNs {
    /// Until it is dropped.
    namespace: Option<Made>,
    may_configure: bool,
    gateway: Ipv4Addr,
    prefix: u8,
    shared: Arc<Shared>,
}

struct Made {
    fd: OwnedFd,
    address: Ipv4Addr,
    outer: String,
}

impl Made {
    /// Closes it.
    fn release(self) -> Released {
        Released { address: self.address.to_bits(), outer: self.outer }
    }
}

/// An address whose namespace was dropped, but may not be gone yet.
struct Released {
    address: u32,
    outer: String,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    size: usize,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Made>,
    /// Given back; perhaps as good as new.
    used: Vec<Made>,
    released: VecDeque<Released>,
    /// Callers waiting for a namespace.
    waiting: usize,
    failure: Option<String>,
    closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Sets up everything in the network namespace of the calling thread, and begins to make namespaces.
    ///
    /// # Errors
    /// When a capability or a kernel feature is missing, when no name or subnet is free, or when forwarding cannot be
    /// switched on. Nothing is left behind then.
    pub fn start(config: PoolConfig) -> Result<Self, NetworkError> {
        if config.subnet.prefix() > 29 {
            return Err(NetworkError::SubnetTooSmall(config.subnet));
        }
        let ownership = own_bridge(&config.bridge)?;
        let lock = StartLock::take();
        let mut socket = Socket::open(libc::NETLINK_ROUTE)
            .map_err(|error| NetworkError::kernel("open a netlink socket", error))?;
        remove_leftover(&mut socket, &ownership.bridge)?;
        let routes =
            rtnl::routes(&mut socket).map_err(|error| NetworkError::kernel("read the routes", error))?;
        let subnet = choose_subnet(&config, &routes)?;
        let mtu = config.mtu.or_else(|| rtnl::default_mtu(&mut socket, &routes)).unwrap_or(USUAL_MTU);
        let ipv6 = Path::new("/proc/sys/net/ipv6").exists();
        let bridge = Bridge::make(socket, ownership, subnet, mtu, ipv6)?;
        drop(lock);
        enable_forwarding()?;
        let dns = Forwarder::start(dns::Config {
            bridge: bridge.name().to_owned(),
            subnet,
            gateway: subnet.gateway(),
            upstreams: config.dns.iter().map(|server| SocketAddr::from((*server, dns::PORT))).collect(),
            local: config.local_names.clone(),
        })?;
        let (firewall, warnings) = Firewall::install(bridge.name(), subnet, dns.ports)?;
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), size: config.size.max(1) });
        let plan = Plan { bridge_index: bridge.index, subnet, mtu, ipv6 };
        let filler = start_filler(Arc::clone(&shared), plan, bridge.name())?;
        let resolv_conf = ResolvConf {
            nameservers: vec![subnet.gateway().into()],
            search: config.search,
            options: config.dns_options,
        };
        Ok(Self {
            shared,
            filler: Some(filler),
            subnet,
            mtu,
            resolv_conf: resolv_conf.render(),
            warnings,
            _dns: dns,
            _firewall: firewall,
            _bridge: bridge,
        })
    }

    /// Takes a ready namespace, if there is one; never blocks for long.
    #[must_use]
    pub fn try_take(&self) -> Option<NetNs> {
        let mut state = self.shared.state();
        self.pop(&mut state)
    }

    /// Takes a namespace, waiting for one to be made where none is ready (up to 10 seconds).
    ///
    /// # Errors
    /// When none comes in time, with the reason.
    pub fn take(&self) -> Result<NetNs, NetworkError> {
        let begun = Instant::now();
        let mut state = self.shared.state();
        loop {
            if let Some(namespace) = self.pop(&mut state) {
                return Ok(namespace);
            }
            if state.closed {
                return Err(NetworkError::Closed);
            }
            let waited = begun.elapsed();
            if waited >= PATIENCE {
                return Err(NetworkError::TimedOut { waited: PATIENCE, last: state.failure.clone() });
            }
            state.waiting += 1;
            self.shared.changed.notify_all();
            let outcome = self.shared.changed.wait_timeout(state, PATIENCE - waited);
            state = outcome.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    fn pop(&self, state: &mut MutexGuard<'_, State>) -> Option<NetNs> {
        let namespace = state.ready.pop_front()?;
        // Waking the filling thread costs more than the rest, so let it sleep until there is some work.
        if state.ready.len() <= self.shared.size / 2 {
            self.shared.changed.notify_all();
        }
        Some(NetNs {
            namespace: Some(namespace),
            may_configure: false,
            gateway: self.subnet.gateway(),
            prefix: self.subnet.prefix(),
            shared: Arc::clone(&self.shared),
        })
    }

    /// Name of the bridge.
    #[must_use]
    pub fn bridge(&self) -> &str {
        self._bridge.name()
    }

    /// The subnet in use.
    #[must_use]
    pub fn subnet(&self) -> Subnet {
        self.subnet
    }

    /// The bridge's address, which is also the containers' DNS server and one of the host's addresses.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.subnet.gateway()
    }

    /// Bytes per packet.
    #[must_use]
    pub fn mtu(&self) -> u32 {
        self.mtu
    }

    /// What containers need as `/etc/resolv.conf`.
    #[must_use]
    pub fn resolv_conf(&self) -> &str {
        &self.resolv_conf
    }

    /// What on this host may keep containers from reaching the outside, with what to do about it.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Namespaces ready at the moment.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.shared.state().ready.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closed = true;
        let (ready, used) = (std::mem::take(&mut state.ready), std::mem::take(&mut state.used));
        drop(state);
        self.shared.changed.notify_all();
        drop((ready, used));
        if let Some(filler) = self.filler.take() {
            let _ = filler.join();
        }
    }
}

impl Networks for Pool {
    fn lease(&self, may_configure: bool) -> BoxFuture<'_, Result<NetworkLease, SandboxError>> {
        Box::pin(async move {
            let begun = Instant::now();
            loop {
                if let Some(mut namespace) = self.try_take() {
                    namespace.may_configure = may_configure;
                    return namespace.into_lease();
                }
                // The filling thread works already; look again at about the pace at which it makes them.
                let last = {
                    let mut state = self.shared.state();
                    if state.closed {
                        return Err(NetworkError::Closed.into());
                    }
                    self.shared.changed.notify_all();
                    state.failure.take()
                };
                if begun.elapsed() >= PATIENCE {
                    return Err(NetworkError::TimedOut { waited: PATIENCE, last }.into());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    }
}

impl NetNs {
    /// The namespace, to be entered with `setns`.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.made().fd.as_fd()
    }

    fn made(&self) -> &Made {
        self.namespace.as_ref().expect("only dropping takes it")
    }

    /// The container's address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.made().address
    }

    /// Length of the subnet's prefix.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The bridge's address: default route and DNS server.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.gateway
    }

    fn into_lease(self) -> Result<NetworkLease, SandboxError> {
        let namespace = self
            .fd()
            .try_clone_to_owned()
            .map_err(|error| NetworkError::kernel("duplicate a network namespace's descriptor", error))?;
        let outer = self.made().outer.clone();
        Ok(NetworkLease {
            namespace,
            address: Some(self.address().into()),
            counters: Some(Arc::new(move || counters::read(&outer).ok().flatten())),
            guard: Box::new(self),
        })
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        let Some(made) = self.namespace.take() else { return };
        let mut state = self.shared.state();
        // Where many wait to be looked at, the filling thread sleeps because there are enough.
        if !self.may_configure && !state.closed && state.used.len() < self.shared.size {
            state.used.push(made);
        } else {
            state.released.push_back(made.release());
        }
    }
}

/// The bridge of a pool; dropping it deletes it and gives its name free.
struct Bridge {
    socket: Socket,
    index: u32,
    ownership: Ownership,
}

impl Bridge {
    fn make(
        mut socket: Socket,
        ownership: Ownership,
        subnet: Subnet,
        mtu: u32,
        ipv6: bool,
    ) -> Result<Self, NetworkError> {
        let name = ownership.bridge.clone();
        let failed = |doing: &str, error| NetworkError::kernel(format!("{doing} bridge {name}"), error);
        let [a, b, c, d] = subnet.gateway().octets();
        // A fixed address (locally administered); else it would change with the ports, and containers' tables with it.
        socket
            .request(rtnl::new_bridge(&name, [0x02, 0x6b, a, b, c, d], mtu))
            .map_err(|e| failed("add", e))?;
        let link = rtnl::find_link(&mut socket, By::Name(&name)).map_err(|error| failed("find", error))?;
        let Some(link) = link else { return Err(failed("find", std::io::ErrorKind::NotFound.into())) };
        let mut bridge = Self { socket, index: link.index, ownership };
        let mut messages = Vec::new();
        if ipv6 {
            messages.push(rtnl::no_ipv6_address(By::Index(link.index)));
        }
        messages.push(rtnl::new_address(link.index, subnet.gateway(), subnet));
        messages.push(rtnl::set_up(By::Index(link.index)));
        bridge.socket.batch(messages).map_err(|(_, error)| failed("configure", error))?;
        Ok(bridge)
    }

    fn name(&self) -> &str {
        &self.ownership.bridge
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Err(error) = self.socket.request(rtnl::delete_link(self.index)) {
            tracing::warn!(bridge = self.name(), %error, "cannot delete the bridge");
        }
    }
}

/// Deletes the bridge which a killed engine left; its containers are dead or dying, its routes go with it.
fn remove_leftover(socket: &mut Socket, bridge: &str) -> Result<(), NetworkError> {
    let failed = |error| NetworkError::kernel(format!("delete the old bridge {bridge}"), error);
    let Some(link) = rtnl::find_link(socket, By::Name(bridge)).map_err(failed)? else { return Ok(()) };
    tracing::debug!(bridge, "deleting a bridge left behind");
    socket.request(rtnl::delete_link(link.index)).map_err(failed)
}

fn choose_subnet(config: &PoolConfig, routes: &[rtnl::Route]) -> Result<Subnet, NetworkError> {
    let mut taken: Vec<Subnet> =
        routes.iter().map(|route| route.destination).filter(|destination| destination.prefix() > 0).collect();
    // Servers reached by the default route would be hidden by a subnet which contains them.
    taken.extend(config.dns.iter().filter_map(|server| match server {
        IpAddr::V4(server) => Some(Subnet::new(*server, 32)),
        IpAddr::V6(_) => None,
    }));
    subnet::choose(config.subnet, &taken).map_err(|tried| NetworkError::NoSubnet { tried })
}

fn enable_forwarding() -> Result<(), NetworkError> {
    if std::fs::read_to_string(FORWARDING).is_ok_and(|value| value.trim() == "1") {
        return Ok(());
    }
    std::fs::write(FORWARDING, "1").map_err(|source| NetworkError::Forwarding { source })
}

fn start_filler(shared: Arc<Shared>, plan: Plan, bridge: &str) -> Result<JoinHandle<()>, NetworkError> {
    let maker = Maker::new(plan.clone())?;
    let mut filler = Filler {
        shared,
        maker,
        fresh: plan.subnet.hosts(),
        subnet: plan.subnet,
        prefix: format!("{bridge}-"),
        count: 0,
    };
    std::thread::Builder::new()
        .name("kukri-netns".into())
        .spawn(move || filler.run())
        .map_err(|error| NetworkError::kernel("start a thread", error))
}

/// The thread which makes namespaces.
struct Filler {
    shared: Arc<Shared>,
    maker: Maker,
    /// Addresses which were never used.
    fresh: std::ops::Range<u32>,
    subnet: Subnet,
    /// Of the outer interfaces' names.
    prefix: String,
    count: u32,
}

impl Filler {
    fn run(&mut self) {
        while self.wait_for_work() {
            let used = self.shared.state().used.pop();
            let outcome = match used {
                Some(made) if self.maker.is_unused(&made.fd).unwrap_or_default() => Ok(made),
                Some(made) => {
                    let released = made.release();
                    self.shared.state().released.push_back(released);
                    continue;
                }
                None => self.fill_one(),
            };
            let mut state = self.shared.state();
            match outcome {
                Ok(made) => {
                    state.failure = None;
                    if state.closed {
                        return;
                    }
                    state.ready.push_back(made);
                    if state.waiting > 0 {
                        self.shared.changed.notify_all();
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot make a network namespace");
                    state.failure = Some(error.to_string());
                    drop(state);
                    std::thread::sleep(RETRY);
                }
            }
        }
    }

    /// Sleeps until a namespace is wanted; false when the pool is closed.
    fn wait_for_work(&self) -> bool {
        let mut state = self.shared.state();
        loop {
            if state.closed {
                return false;
            }
            if state.ready.len() < self.shared.size {
                return true;
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn fill_one(&mut self) -> Result<Made, NetworkError> {
        let address = Ipv4Addr::from_bits(self.next_address()?);
        let outer = format!("{}{:x}", self.prefix, self.count);
        // Interface names have at most 15 letters: four hexadecimal digits fit after the longest prefix.
        self.count = (self.count + 1) % 0x1_0000;
        match self.maker.make(&outer, address) {
            Ok(fd) => Ok(Made { fd, address, outer }),
            Err(error) => {
                self.shared.state().released.push_back(Released { address: address.to_bits(), outer });
                Err(error)
            }
        }
    }

    /// An unused address first; when these are used up, the one that was given back longest ago.
    fn next_address(&mut self) -> Result<u32, NetworkError> {
        if let Some(address) = self.fresh.next() {
            return Ok(address);
        }
        let waiting = self.shared.state().released.len();
        for _ in 0..waiting {
            let Some(released) = self.shared.state().released.pop_front() else { break };
            if self.maker.is_gone(&released.outer) {
                return Ok(released.address);
            }
            self.shared.state().released.push_back(released);
        }
        Err(NetworkError::Exhausted(self.subnet))
    }
}
