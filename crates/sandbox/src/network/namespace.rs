//! Makes one network namespace with an interface on the bridge.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::NetworkError;
use super::netlink::Socket;
use super::rtnl::{self, By, VethPair};
use super::subnet::Subnet;

/// The container's interface.
const INTERFACE: &str = "eth0";
/// The loopback interface's index in every namespace.
const LOOPBACK_INDEX: u32 = 1;

/// What all namespaces of a pool share.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) bridge_index: u32,
    pub(super) subnet: Subnet,
    pub(super) mtu: u32,
    /// Whether the kernel knows IPv6 at all.
    pub(super) ipv6: bool,
}

/// Makes namespaces. Lives on a thread of its own, which it moves into each new namespace and back.
pub(super) struct Maker {
    plan: Plan,
    /// A socket in the host's namespace.
    host: Socket,
    home: OwnedFd,
}

impl Maker {
    /// Takes the calling thread's present namespace as the host's.
    pub(super) fn new(plan: Plan) -> Result<Self, NetworkError> {
        let host = Socket::open(libc::NETLINK_ROUTE)
            .map_err(|e| NetworkError::kernel("open a netlink socket", e))?;
        Ok(Self { plan, host, home: own_namespace()? })
    }

    /// Makes a namespace whose interface has this address; `name` is the other end's name, on the host.
    pub(super) fn make(&mut self, name: &str, address: Ipv4Addr) -> Result<OwnedFd, NetworkError> {
        let made = self.make_and_stay(name, address);
        // Staying inside would keep the namespace alive after its container is gone.
        move_into_link_name_space(self.home.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| NetworkError::kernel("return to the host's network namespace", error))?;
        made
    }

    fn make_and_stay(&mut self, name: &str, address: Ipv4Addr) -> Result<OwnedFd, NetworkError> {
        enter_new_namespace()?;
        let namespace = own_namespace()?;
        let mut inside = Socket::open(libc::NETLINK_ROUTE)
            .map_err(|error| NetworkError::kernel("open a netlink socket", error))?;
        let plan = &self.plan;
        let pair = VethPair {
            name,
            bridge: plan.bridge_index,
            mtu: plan.mtu,
            peer_name: INTERFACE,
            peer_namespace: namespace.as_fd(),
        };
        let mut outer = vec![rtnl::new_veth(&pair)];
        if plan.ipv6 {
            outer.push(rtnl::no_ipv6_address(By::Name(name)));
        }
        outer.push(rtnl::set_up(By::Name(name)));
        self.host
            .batch(outer)
            .map_err(|(_, error)| NetworkError::kernel(format!("add {name} to the bridge"), error))?;
        // The index cannot be known beforehand: some kernels add tunnel devices to every new namespace.
        let interface = rtnl::find_link(&mut inside, By::Name(INTERFACE))
            .and_then(|link| link.ok_or_else(|| std::io::ErrorKind::NotFound.into()))
            .map_err(|error| NetworkError::kernel(format!("find the peer of {name}"), error))?
            .index;
        let mut inner = Vec::new();
        if plan.ipv6 {
            inner.push(rtnl::no_ipv6_address(By::Index(interface)));
        }
        inner.push(rtnl::new_address(interface, address, plan.subnet));
        inner.push(rtnl::set_up(By::Index(interface)));
        inner.push(rtnl::set_up(By::Index(LOOPBACK_INDEX)));
        inner.push(rtnl::new_default_route(plan.subnet.gateway()));
        inside.batch(inner).map_err(|(_, error)| {
            NetworkError::kernel(format!("configure the peer of {name} ({address})"), error)
        })?;
        Ok(namespace)
    }

    /// Whether nothing was ever sent in the namespace, so that whoever gets it next finds nothing of the last: no
    /// connection that is still closing and holds a port, no learnt route. What the namespace was configured with is not
    /// looked at.
    pub(super) fn is_unused(&self, namespace: impl AsFd) -> Result<bool, NetworkError> {
        let enter = |namespace: BorrowedFd<'_>, doing: &str| {
            move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))
                .map_err(|error| NetworkError::kernel(doing, error))
        };
        enter(namespace.as_fd(), "look into a used network namespace")?;
        let counted = std::fs::read_to_string("/proc/thread-self/net/snmp");
        enter(self.home.as_fd(), "return to the host's network namespace")?;
        let counted = counted.map_err(|error| NetworkError::kernel("read counters of a network", error))?;
        let is_zero = |protocol, name| counter(&counted, protocol, name) == Some(0);
        Ok(is_zero("Ip:", "OutRequests") && is_zero("Tcp:", "ActiveOpens") && is_zero("Tcp:", "PassiveOpens"))
    }

    /// Whether the namespace whose outer interface has this name is gone.
    pub(super) fn is_gone(&mut self, name: &str) -> bool {
        matches!(rtnl::find_link(&mut self.host, By::Name(name)), Ok(None))
    }
}

/// One number of `/proc/net/snmp`: of each protocol a line of names, then one of numbers.
fn counter(counted: &str, protocol: &str, name: &str) -> Option<u64> {
    let mut lines = counted.lines().filter_map(|line| line.strip_prefix(protocol));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_ascii_whitespace().position(|known| known == name)?;
    numbers.split_ascii_whitespace().nth(at)?.parse().ok()
}

fn enter_new_namespace() -> Result<(), NetworkError> {
    // SAFETY: only unsharing the table of file descriptors could be unsound, and this does not.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }
        .map_err(|error| NetworkError::kernel("make a network namespace", error))
}

fn own_namespace() -> Result<OwnedFd, NetworkError> {
    let path = "/proc/thread-self/ns/net";
    File::open(path).map(Into::into).map_err(|error| NetworkError::kernel(format!("open {path}"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let text = "Ip: Forwarding OutRequests\nIp: 1 20\nTcp: RtoMin ActiveOpens\nTcp: 200 3\n";
        assert_eq!(counter(text, "Ip:", "OutRequests"), Some(20));
        assert_eq!(counter(text, "Tcp:", "ActiveOpens"), Some(3));
        assert_eq!(counter(text, "Tcp:", "PassiveOpens"), None);
        assert_eq!(counter(text, "Udp:", "OutDatagrams"), None);
    }
}
