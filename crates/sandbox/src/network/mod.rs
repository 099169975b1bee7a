//! Network namespaces for containers: bridge, NAT, DNS and a pool. No external program is run.
//!
//! [`Pool::start`] makes, in the network namespace of the calling thread: a bridge with the gateway's address, an
//! nf_tables table which masquerades what leaves the subnet, a DNS forwarder on the gateway's address, and a thread
//! which keeps namespaces ready. Each of these belongs to one engine: the bridge's name is owned by holding an
//! abstract unix socket, which the kernel gives back even after `kill -9`, and the next owner of the name clears what
//! the last one left behind.

mod counters;
mod dns;
mod instance;
mod namespace;
mod netlink;
mod nft;
mod pool;
mod resolv;
mod rtnl;
mod subnet;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub use dns::LocalNames;
pub use pool::{NetNs, Pool, PoolConfig};
pub use resolv::ResolvConf;
pub use subnet::{ParseSubnetError, Subnet};

/// What went wrong with the containers' network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The kernel refused a step.
    #[error("cannot {doing}: {source}{}", hint(source))]
    Kernel {
        /// The step, with the names concerned.
        doing: String,
        /// Its answer.
        source: io::Error,
    },
    /// Every name for a bridge belongs to a running engine.
    #[error("every bridge from {first} to {last} belongs to a running engine; stop one of them")]
    NoBridge {
        /// First name tried.
        first: String,
        /// Last name tried.
        last: String,
    },
    /// Every subnet that could be used overlaps a route of this machine.
    #[error(
        "no free subnet for containers: {} overlap routes of this machine; set one that does not",
        list(tried)
    )]
    NoSubnet {
        /// The subnets which were tried.
        tried: Vec<Subnet>,
    },
    /// The subnet has no room for a gateway and containers.
    #[error("subnet {0} is too small: at least a /29 is needed")]
    SubnetTooSmall(Subnet),
    /// Forwarding is switched off and cannot be switched on.
    #[error(
        "IPv4 forwarding is off and cannot be switched on ({source}); set net.ipv4.ip_forward=1 on the host"
    )]
    Forwarding {
        /// Why it cannot be written.
        source: io::Error,
    },
    /// A host's firewall drops forwarded packets and the rule which lets containers out cannot be added to it.
    #[error(
        "the host's firewall drops what containers send ({chain}), and that cannot be changed from here: {next}"
    )]
    Firewall {
        /// Table and chain.
        chain: String,
        /// What to do.
        next: String,
    },
    /// The DNS forwarder cannot listen.
    #[error("cannot answer containers' DNS queries on {address}: {source}")]
    Dns {
        /// The address on the bridge.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Every address of the subnet is held by a container.
    #[error("every address of {0} is held by a container")]
    Exhausted(Subnet),
    /// No namespace came in time.
    #[error("no network namespace became ready within {waited:?}{}", last.as_ref().map(|last| format!(": {last}")).unwrap_or_default())]
    TimedOut {
        /// How long was waited.
        waited: Duration,
        /// The last failure, where there was one.
        last: Option<String>,
    },
    /// The pool was closed.
    #[error("the network pool is closed")]
    Closed,
}

impl NetworkError {
    /// Whether the engine may not do it, however the kernel is made.
    #[must_use]
    pub fn lacks_capability(&self) -> bool {
        matches!(self, Self::Kernel { source, .. } if matches!(source.raw_os_error(), Some(libc::EPERM | libc::EACCES)))
    }

    fn kernel(doing: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Kernel { doing: doing.into(), source: source.into() }
    }
}

fn hint(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            " (the engine needs the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN)"
        }
        Some(libc::EPROTONOSUPPORT) => " (the kernel lacks nf_tables)",
        _ => "",
    }
}

fn list(subnets: &[Subnet]) -> String {
    subnets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
