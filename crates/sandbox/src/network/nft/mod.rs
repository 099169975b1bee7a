//! Firewall rules of the bridge: masquerading, no way in from outside, and a way past host firewalls which drop.
//!
//! Our own rules live in a table named after the bridge. Where the kernel can (5.12), the table belongs to our netlink
//! socket: nobody else's `flush ruleset` takes it away, and it goes when we go.
//!
//! An accept in one chain does not overrule a drop in another chain at the same hook, so two kinds of rules have to go
//! into the chains of others that drop by policy: Docker's `FORWARD`, and `INPUT` chains of host firewalls, which would
//! drop DNS queries to the gateway. Rules of ours in there carry a comment with the bridge's name and are taken out
//! when the pool closes, or when the next pool with that name starts.

mod expression;
mod foreign;
mod legacy;

use std::io;

use super::NetworkError;
use super::dns::{self, Ports};
use super::netlink::{Message, Socket};
use super::subnet::Subnet;
use expression::{Interface, Protocol, Rule};

const SUBSYSTEM: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_TABLE: u16 = 0;
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const GET_CHAIN: u16 = 4;
const NEW_RULE: u16 = 6;
const GET_RULE: u16 = 7;
const DELETE_RULE: u16 = 8;
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_TABLE_FLAGS: u16 = 2;
const TABLE_OWNED: u32 = 2;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_NUMBER: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_HANDLE: u16 = 3;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_USERDATA: u16 = 7;
const POLICY_DROP: u32 = 0;
const POLICY_ACCEPT: u32 = 1;
const HOOK_PREROUTING: u32 = 0;
const HOOK_INPUT: u32 = 1;
const HOOK_FORWARD: u32 = 2;
const HOOK_POSTROUTING: u32 = 4;
/// Where destinations are rewritten.
const PRIORITY_DESTINATION_NAT: i32 = -100;
/// Where source addresses are rewritten.
const PRIORITY_SOURCE_NAT: i32 = 100;
const PRIORITY_FILTER: i32 = 0;
const FAMILY_IPV4: u8 = libc::AF_INET as u8;
/// The family `inet`: IPv4 and IPv6 alike.
const FAMILY_INET: u8 = 1;

/// The firewall rules of one bridge; dropping it takes them away.
pub(super) struct Firewall {
    socket: Socket,
    bridge: String,
}

impl Firewall {
    /// Puts the rules in place. Returns, beside them, warnings about host firewalls which may still be in the way.
    pub(super) fn install(
        bridge: &str,
        subnet: Subnet,
        dns: Ports,
    ) -> Result<(Self, Vec<String>), NetworkError> {
        let socket = Socket::open(libc::NETLINK_NETFILTER)
            .map_err(|error| NetworkError::kernel("open a netfilter socket", error))?;
        let mut firewall = Self { socket, bridge: bridge.to_owned() };
        firewall.remove_leftovers();
        firewall
            .install_own(subnet, dns)
            .map_err(|error| NetworkError::kernel(format!("add the nf_tables table {bridge}"), error))?;
        let mut warnings = foreign::open(&mut firewall.socket, bridge, dns);
        warnings.extend(legacy::warning(bridge));
        Ok((firewall, warnings))
    }

    fn install_own(&mut self, subnet: Subnet, dns: Ports) -> io::Result<()> {
        let table = self.bridge.as_str();
        let bridge = table;
        let postrouting =
            Rule::default().source_in(subnet).interface(Interface::Out, bridge, false).masquerade();
        // Replies are let in by connection tracking; what starts outside (another machine, another engine's
        // container) is not.
        let forward = Rule::default()
            .interface(Interface::In, bridge, false)
            .interface(Interface::Out, bridge, true)
            .established(false)
            .drop();
        let redirects: Vec<Rule> = [(Protocol::Udp, dns.udp), (Protocol::Tcp, dns.tcp)]
            .into_iter()
            .filter(|(_, port)| *port != dns::PORT)
            .map(|(protocol, port)| {
                Rule::default()
                    .interface(Interface::In, bridge, true)
                    .destination(subnet.gateway())
                    .port(protocol, dns::PORT)
                    .redirect(port)
            })
            .collect();
        let own = |flags: u32| {
            let mut messages = vec![
                message(NEW_TABLE, FAMILY_IPV4, libc::NLM_F_CREATE)
                    .str(NFTA_TABLE_NAME, table)
                    .be32(NFTA_TABLE_FLAGS, flags),
                new_chain(table, "postrouting", "nat", HOOK_POSTROUTING, PRIORITY_SOURCE_NAT),
                new_chain(table, "forward", "filter", HOOK_FORWARD, PRIORITY_FILTER),
                new_rule(FAMILY_IPV4, table, "postrouting", &postrouting, bridge, true),
                new_rule(FAMILY_IPV4, table, "forward", &forward, bridge, true),
            ];
            if !redirects.is_empty() {
                let chain = "prerouting";
                messages.push(new_chain(table, chain, "nat", HOOK_PREROUTING, PRIORITY_DESTINATION_NAT));
                messages.extend(
                    redirects.iter().map(|rule| new_rule(FAMILY_IPV4, table, chain, rule, bridge, true)),
                );
            }
            messages
        };
        match commit(&mut self.socket, own(TABLE_OWNED)) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP)) => {
                commit(&mut self.socket, own(0))
            }
            outcome => outcome,
        }
    }

    /// Takes away what a killed engine left under this bridge's name.
    fn remove_leftovers(&mut self) {
        let table = message(DELETE_TABLE, FAMILY_IPV4, 0).str(NFTA_TABLE_NAME, &self.bridge);
        match commit(&mut self.socket, vec![table]) {
            Ok(()) => tracing::debug!(table = self.bridge, "removed firewall rules left behind"),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => tracing::warn!(table = self.bridge, %error, "cannot remove old firewall rules"),
        }
        foreign::close(&mut self.socket, &self.bridge);
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        self.remove_leftovers();
    }
}

/// An nf_tables message with its family's header.
fn message(kind: u16, family: u8, flags: i32) -> Message {
    Message::new(SUBSYSTEM << 8 | kind, flags).raw(&[family, 0, 0, 0])
}

fn new_chain(table: &str, name: &str, kind: &str, hook: u32, priority: i32) -> Message {
    message(NEW_CHAIN, FAMILY_IPV4, libc::NLM_F_CREATE)
        .str(NFTA_CHAIN_TABLE, table)
        .str(NFTA_CHAIN_NAME, name)
        .nest(NFTA_CHAIN_HOOK, |at| at.be32(NFTA_HOOK_NUMBER, hook).be32(NFTA_HOOK_PRIORITY, priority as u32))
        .be32(NFTA_CHAIN_POLICY, POLICY_ACCEPT)
        .str(NFTA_CHAIN_TYPE, kind)
}

/// A rule at the end of a chain, or at its head.
fn new_rule(family: u8, table: &str, chain: &str, rule: &Rule, comment: &str, at_end: bool) -> Message {
    let flags = libc::NLM_F_CREATE | if at_end { libc::NLM_F_APPEND } else { 0 };
    rule.write(
        message(NEW_RULE, family, flags).str(NFTA_RULE_TABLE, table).str(NFTA_RULE_CHAIN, chain),
        NFTA_RULE_EXPRESSIONS,
    )
    .attr(NFTA_RULE_USERDATA, &foreign::comment(comment))
}

/// Carries out all of it or nothing.
fn commit(socket: &mut Socket, messages: Vec<Message>) -> io::Result<()> {
    let frame = |kind| Message::new(kind, 0).raw(&[0, 0, 0, SUBSYSTEM as u8]);
    let mut framed = vec![frame(BATCH_BEGIN)];
    framed.extend(messages.into_iter().map(Message::acknowledged));
    framed.push(frame(BATCH_END));
    socket.transact(framed, 0).map_err(|(_, error)| error)
}

#[cfg(test)]
pub(super) mod tests {
    //! A host firewall for tests.

    use super::*;

    const TABLE: &str = "filter";

    /// Adds chains as Docker and host firewalls do, which drop whatever is forwarded or comes in.
    pub(in super::super) fn drop_everything() {
        let mut socket = Socket::open(libc::NETLINK_NETFILTER).unwrap();
        let chain = |name, hook| {
            message(NEW_CHAIN, FAMILY_IPV4, libc::NLM_F_CREATE)
                .str(NFTA_CHAIN_TABLE, TABLE)
                .str(NFTA_CHAIN_NAME, name)
                .nest(NFTA_CHAIN_HOOK, |at| at.be32(NFTA_HOOK_NUMBER, hook).be32(NFTA_HOOK_PRIORITY, 0))
                .be32(NFTA_CHAIN_POLICY, POLICY_DROP)
                .str(NFTA_CHAIN_TYPE, "filter")
        };
        let table = message(NEW_TABLE, FAMILY_IPV4, libc::NLM_F_CREATE).str(NFTA_TABLE_NAME, TABLE);
        commit(&mut socket, vec![table, chain("FORWARD", HOOK_FORWARD), chain("INPUT", HOOK_INPUT)]).unwrap();
    }

    /// How many rules the chain of that firewall has.
    pub(in super::super) fn rules_in(chain: &str) -> usize {
        let mut socket = Socket::open(libc::NETLINK_NETFILTER).unwrap();
        let question =
            message(GET_RULE, FAMILY_IPV4, 0).str(NFTA_RULE_TABLE, TABLE).str(NFTA_RULE_CHAIN, chain);
        socket.query(question, true).unwrap().len()
    }
}
