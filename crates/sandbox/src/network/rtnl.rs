//! Links, addresses and routes, over rtnetlink.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::netlink::{Message, Socket, attribute};
use super::subnet::Subnet;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;

/// A network interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) mtu: u32,
}

/// An entry of the routing tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Route {
    pub(super) destination: Subnet,
    pub(super) interface: Option<u32>,
    pub(super) priority: u32,
}

/// Which interface a message means.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    Index(u32),
    Name(&'a str),
}

fn ifinfo(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    header
}

fn link_message(kind: u16, flags: i32, link: By<'_>, up: bool) -> Message {
    let bits = if up { libc::IFF_UP as u32 } else { 0 };
    match link {
        By::Index(index) => Message::new(kind, flags).raw(&ifinfo(index, bits, bits)),
        By::Name(name) => Message::new(kind, flags).raw(&ifinfo(0, bits, bits)).str(IFLA_IFNAME, name),
    }
}

/// Brings an interface up.
pub(super) fn set_up(link: By<'_>) -> Message {
    link_message(libc::RTM_SETLINK, 0, link, true)
}

/// Keeps the kernel from giving an interface an IPv6 address of its own (and from announcing it).
pub(super) fn no_ipv6_address(link: By<'_>) -> Message {
    link_message(libc::RTM_SETLINK, 0, link, false).nest(IFLA_AF_SPEC, |spec| {
        spec.nest(libc::AF_INET6 as u16, |inet6| {
            inet6.attr(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE])
        })
    })
}

/// Makes a bridge, still down.
pub(super) fn new_bridge(name: &str, hardware_address: [u8; 6], mtu: u32) -> Message {
    Message::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
        .raw(&ifinfo(0, 0, 0))
        .str(IFLA_IFNAME, name)
        .attr(IFLA_ADDRESS, &hardware_address)
        .u32(IFLA_MTU, mtu)
        .nest(IFLA_LINKINFO, |info| info.str(IFLA_INFO_KIND, "bridge"))
}

/// Deletes an interface.
pub(super) fn delete_link(index: u32) -> Message {
    link_message(libc::RTM_DELLINK, 0, By::Index(index), false)
}

/// One end of a pair of interfaces on a bridge here, the other end in another namespace, both still down.
pub(super) struct VethPair<'a> {
    pub(super) name: &'a str,
    pub(super) bridge: u32,
    pub(super) mtu: u32,
    pub(super) peer_name: &'a str,
    pub(super) peer_namespace: BorrowedFd<'a>,
}

/// Makes a pair of interfaces.
pub(super) fn new_veth(pair: &VethPair<'_>) -> Message {
    // One queue: the kernel would make one for each CPU that the machine could have.
    Message::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
        .raw(&ifinfo(0, 0, 0))
        .str(IFLA_IFNAME, pair.name)
        .u32(IFLA_MTU, pair.mtu)
        .u32(IFLA_MASTER, pair.bridge)
        .u32(IFLA_NUM_TX_QUEUES, 1)
        .u32(IFLA_NUM_RX_QUEUES, 1)
        .nest(IFLA_LINKINFO, |info| {
            info.str(IFLA_INFO_KIND, "veth").nest(IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |peer| {
                    peer.raw(&ifinfo(0, 0, 0))
                        .str(IFLA_IFNAME, pair.peer_name)
                        .u32(IFLA_MTU, pair.mtu)
                        .u32(IFLA_NUM_TX_QUEUES, 1)
                        .u32(IFLA_NUM_RX_QUEUES, 1)
                        .u32(IFLA_NET_NS_FD, pair.peer_namespace.as_raw_fd() as u32)
                })
            })
        })
}

/// Gives an interface an address in a subnet.
pub(super) fn new_address(interface: u32, address: Ipv4Addr, subnet: Subnet) -> Message {
    let mut header = [libc::AF_INET as u8, subnet.prefix(), 0, 0, 0, 0, 0, 0];
    header[4..8].copy_from_slice(&interface.to_ne_bytes());
    let broadcast = Ipv4Addr::from_bits(subnet.network().to_bits() | !subnet.mask().to_bits());
    Message::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_REPLACE)
        .raw(&header)
        .attr(IFA_LOCAL, &address.octets())
        .attr(IFA_ADDRESS, &address.octets())
        .attr(IFA_BROADCAST, &broadcast.octets())
}

/// Sends everything without another route to `gateway`.
pub(super) fn new_default_route(gateway: Ipv4Addr) -> Message {
    let header = [
        libc::AF_INET as u8,
        0,
        0,
        0,
        libc::RT_TABLE_MAIN,
        libc::RTPROT_STATIC,
        libc::RT_SCOPE_UNIVERSE,
        libc::RTN_UNICAST,
        0,
        0,
        0,
        0,
    ];
    Message::new(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
        .raw(&header)
        .attr(RTA_GATEWAY, &gateway.octets())
}

/// Looks an interface up; `None` where there is none.
pub(super) fn find_link(socket: &mut Socket, link: By<'_>) -> io::Result<Option<Link>> {
    let replies = match socket.query(link_message(libc::RTM_GETLINK, 0, link, false), false) {
        Ok(replies) => replies,
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(replies.first().and_then(|reply| {
        let index = number(reply.payload.get(4..8)?)?;
        let mtu = number(attribute(reply.payload.get(16..)?, IFLA_MTU)?)?;
        Some(Link { index, mtu })
    }))
}

/// All IPv4 routes of the namespace, in every table but the kernel's own table of local addresses.
pub(super) fn routes(socket: &mut Socket) -> io::Result<Vec<Route>> {
    let mut header = [0u8; 12];
    header[0] = libc::AF_INET as u8;
    let replies = socket.query(Message::new(libc::RTM_GETROUTE, 0).raw(&header), true)?;
    Ok(replies.iter().filter_map(|reply| route(&reply.payload)).collect())
}

fn route(payload: &[u8]) -> Option<Route> {
    let (prefix, table, kind) = (*payload.get(1)?, *payload.get(4)?, *payload.get(7)?);
    if table == libc::RT_TABLE_LOCAL || kind == libc::RTN_BROADCAST || kind == libc::RTN_MULTICAST {
        return None;
    }
    let attributes = payload.get(12..)?;
    let destination = match attribute(attributes, RTA_DST) {
        Some(octets) => Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?),
        None => Ipv4Addr::UNSPECIFIED,
    };
    Some(Route {
        destination: Subnet::new(destination, prefix),
        interface: attribute(attributes, RTA_OIF).and_then(number),
        priority: attribute(attributes, RTA_PRIORITY).and_then(number).unwrap_or(0),
    })
}

/// The MTU of the interface which the default route leaves by.
pub(super) fn default_mtu(socket: &mut Socket, routes: &[Route]) -> Option<u32> {
    let default =
        routes.iter().filter(|route| route.destination.prefix() == 0).min_by_key(|route| route.priority)?;
    find_link(socket, By::Index(default.interface?)).ok().flatten().map(|link| link.mtu)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_ne_bytes)
}
