//! Rules as lists of nf_tables expressions.
//!
//! The shapes are those which `nft` and `iptables-nft` write themselves, so that both can list our rules.

use std::net::Ipv4Addr;

use super::super::netlink::Message;
use super::super::subnet::Subnet;

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_META_DREG: u16 = 1;
const NFTA_META_KEY: u16 = 2;
const META_IN_NAME: u32 = 6;
const META_OUT_NAME: u32 = 7;
const META_PROTOCOL: u32 = 16;
const NFTA_CMP_SREG: u16 = 1;
const NFTA_CMP_OP: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;
const EQUAL: u32 = 0;
const UNEQUAL: u32 = 1;
const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFTA_PAYLOAD_DREG: u16 = 1;
const NFTA_PAYLOAD_BASE: u16 = 2;
const NFTA_PAYLOAD_OFFSET: u16 = 3;
const NFTA_PAYLOAD_LEN: u16 = 4;
const BASE_NETWORK: u32 = 1;
const BASE_TRANSPORT: u32 = 2;
const NFTA_BITWISE_SREG: u16 = 1;
const NFTA_BITWISE_DREG: u16 = 2;
const NFTA_BITWISE_LEN: u16 = 3;
const NFTA_BITWISE_MASK: u16 = 4;
const NFTA_BITWISE_XOR: u16 = 5;
const NFTA_IMMEDIATE_DREG: u16 = 1;
const NFTA_IMMEDIATE_DATA: u16 = 2;
const NFTA_CT_DREG: u16 = 1;
const NFTA_CT_KEY: u16 = 2;
const CT_STATE: u32 = 0;
const NFTA_REDIR_PORT: u16 = 1;
/// Bits of the connection states "established" and "related".
const ESTABLISHED_OR_RELATED: u32 = 2 | 4;
const REGISTER_VERDICT: u32 = 0;
const REGISTER: u32 = 1;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;

/// The interface a packet came by, or leaves by.
#[derive(Clone, Copy)]
pub(super) enum Interface {
    In,
    Out,
}

/// A transport protocol.
#[derive(Clone, Copy)]
pub(super) enum Protocol {
    Tcp = 6,
    Udp = 17,
}

type Write = Box<dyn Fn(Message) -> Message>;

/// A rule; conditions come before the verdict.
#[derive(Default)]
pub(super) struct Rule {
    expressions: Vec<(&'static str, Write)>,
}

impl Rule {
    fn add(mut self, name: &'static str, write: impl Fn(Message) -> Message + 'static) -> Self {
        self.expressions.push((name, Box::new(write)));
        self
    }

    fn compare(self, operation: u32, value: Vec<u8>) -> Self {
        self.add("cmp", move |data| {
            data.be32(NFTA_CMP_SREG, REGISTER)
                .be32(NFTA_CMP_OP, operation)
                .nest(NFTA_CMP_DATA, |inner| inner.attr(NFTA_DATA_VALUE, &value))
        })
    }

    fn meta(self, key: u32) -> Self {
        self.add("meta", move |data| data.be32(NFTA_META_DREG, REGISTER).be32(NFTA_META_KEY, key))
    }

    fn payload(self, base: u32, offset: u32, length: u32) -> Self {
        self.add("payload", move |data| {
            data.be32(NFTA_PAYLOAD_DREG, REGISTER)
                .be32(NFTA_PAYLOAD_BASE, base)
                .be32(NFTA_PAYLOAD_OFFSET, offset)
                .be32(NFTA_PAYLOAD_LEN, length)
        })
    }

    fn masked(self, mask: [u8; 4]) -> Self {
        self.add("bitwise", move |data| {
            data.be32(NFTA_BITWISE_SREG, REGISTER)
                .be32(NFTA_BITWISE_DREG, REGISTER)
                .be32(NFTA_BITWISE_LEN, 4)
                .nest(NFTA_BITWISE_MASK, |inner| inner.attr(NFTA_DATA_VALUE, &mask))
                .nest(NFTA_BITWISE_XOR, |inner| inner.attr(NFTA_DATA_VALUE, &[0; 4]))
        })
    }

    fn verdict(self, code: u32) -> Self {
        self.add("counter", |data| data).add("immediate", move |data| {
            data.be32(NFTA_IMMEDIATE_DREG, REGISTER_VERDICT).nest(NFTA_IMMEDIATE_DATA, |inner| {
                inner.nest(NFTA_DATA_VERDICT, |verdict| verdict.be32(NFTA_VERDICT_CODE, code))
            })
        })
    }

    /// Packets from this subnet.
    pub(super) fn source_in(self, subnet: Subnet) -> Self {
        self.payload(BASE_NETWORK, 12, 4)
            .masked(subnet.mask().octets())
            .compare(EQUAL, subnet.network().octets().to_vec())
    }

    /// Packets to this address.
    pub(super) fn destination(self, address: Ipv4Addr) -> Self {
        self.payload(BASE_NETWORK, 16, 4).compare(EQUAL, address.octets().to_vec())
    }

    /// Packets which do, or do not, pass this interface.
    pub(super) fn interface(self, direction: Interface, name: &str, is: bool) -> Self {
        let key = match direction {
            Interface::In => META_IN_NAME,
            Interface::Out => META_OUT_NAME,
        };
        // The zeros after the name are part of the comparison: without them longer names would match too.
        let mut value = name.as_bytes().to_vec();
        value.resize(libc::IFNAMSIZ, 0);
        self.meta(key).compare(if is { EQUAL } else { UNEQUAL }, value)
    }

    /// Packets of connections which are, or are not, established (or related to one that is).
    pub(super) fn established(self, is: bool) -> Self {
        self.add("ct", |data| data.be32(NFTA_CT_KEY, CT_STATE).be32(NFTA_CT_DREG, REGISTER))
            .masked(ESTABLISHED_OR_RELATED.to_ne_bytes())
            .compare(if is { UNEQUAL } else { EQUAL }, vec![0; 4])
    }

    /// Packets to this port.
    pub(super) fn port(self, protocol: Protocol, port: u16) -> Self {
        self.meta(META_PROTOCOL)
            .compare(EQUAL, vec![protocol as u8])
            .payload(BASE_TRANSPORT, 2, 2)
            .compare(EQUAL, port.to_be_bytes().to_vec())
    }

    /// … get the address of the interface they leave by.
    pub(super) fn masquerade(self) -> Self {
        self.add("masq", |data| data)
    }

    /// … go to this port of the interface they came by.
    pub(super) fn redirect(self, port: u16) -> Self {
        self.add("immediate", move |data| {
            data.be32(NFTA_IMMEDIATE_DREG, REGISTER)
                .nest(NFTA_IMMEDIATE_DATA, |inner| inner.attr(NFTA_DATA_VALUE, &port.to_be_bytes()))
        })
        .add("redir", |data| data.be32(NFTA_REDIR_PORT, REGISTER))
    }

    /// … are dropped.
    pub(super) fn drop(self) -> Self {
        self.verdict(DROP)
    }

    /// … are accepted.
    pub(super) fn accept(self) -> Self {
        self.verdict(ACCEPT)
    }

    /// Adds the expressions to a message.
    pub(super) fn write(&self, message: Message, attribute: u16) -> Message {
        message.nest(attribute, |mut list| {
            for (name, write) in &self.expressions {
                list = list.nest(NFTA_LIST_ELEM, |element| {
                    element.str(NFTA_EXPR_NAME, name).nest(NFTA_EXPR_DATA, write)
                });
            }
            list
        })
    }
}
