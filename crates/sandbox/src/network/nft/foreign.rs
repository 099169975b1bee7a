//! Our rules in the chains of others.

use std::io;

use super::super::dns::Ports;
use super::super::netlink::{Socket, attribute, attributes, text};
use super::expression::{Interface, Protocol, Rule};
use super::{
    DELETE_RULE, FAMILY_INET, FAMILY_IPV4, GET_CHAIN, GET_RULE, HOOK_FORWARD, HOOK_INPUT, NFTA_CHAIN_HOOK,
    NFTA_CHAIN_NAME, NFTA_CHAIN_POLICY, NFTA_CHAIN_TABLE, NFTA_CHAIN_TYPE, NFTA_HOOK_NUMBER, NFTA_RULE_CHAIN,
    NFTA_RULE_HANDLE, NFTA_RULE_TABLE, NFTA_RULE_USERDATA, POLICY_DROP, commit, message, new_rule,
};

/// Type byte of a comment in a rule's user data.
const USERDATA_COMMENT: u8 = 0;
/// The table of firewalld, whose chains end in a reject rule although their policy is to accept.
const FIREWALLD: &str = "firewalld";

/// A base chain of somebody else.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Chain {
    family: u8,
    table: String,
    name: String,
    hook: u32,
    /// Whether packets which no rule accepts are lost in it.
    closed: bool,
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let family = if self.family == FAMILY_INET { "inet" } else { "ip" };
        write!(f, "{family} {} {}", self.table, self.name)
    }
}

/// User data of a rule: a comment which tells whose it is.
pub(super) fn comment(bridge: &str) -> Vec<u8> {
    let text = format!("kukri {bridge}");
    let mut bytes = vec![USERDATA_COMMENT, (text.len() + 1) as u8];
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes
}

/// Lets the bridge's packets through chains which would drop them. Returns warnings about those that cannot be changed.
pub(super) fn open(socket: &mut Socket, bridge: &str, dns: Ports) -> Vec<String> {
    let chains = match chains(socket) {
        Ok(chains) => chains,
        Err(error) => return vec![format!("cannot look for other firewalls: {error}")],
    };
    let mut warnings = Vec::new();
    for chain in chains.iter().filter(|chain| chain.closed) {
        let rules: [Rule; 2] = match chain.hook {
            // Not by the state of the connection: our own forward chain looks at that, and iptables-nft refuses to work
            // on a table which has a native expression for it.
            HOOK_FORWARD => [Interface::In, Interface::Out]
                .map(|direction| Rule::default().interface(direction, bridge, true).accept()),
            HOOK_INPUT => [(Protocol::Udp, dns.udp), (Protocol::Tcp, dns.tcp)].map(|(protocol, port)| {
                Rule::default().interface(Interface::In, bridge, true).port(protocol, port).accept()
            }),
            _ => continue,
        };
        let messages = rules
            .iter()
            .map(|rule| new_rule(chain.family, &chain.table, &chain.name, rule, bridge, false))
            .collect();
        if let Err(error) = commit(socket, messages) {
            warnings.push(format!(
                "the firewall chain \"{chain}\" drops packets of containers and cannot be changed ({error}); \
                 let it accept what comes from interface {bridge}{}",
                if chain.hook == HOOK_INPUT {
                    format!(" to UDP port {} and TCP port {}", dns.udp, dns.tcp)
                } else {
                    String::new()
                }
            ));
        }
    }
    warnings
}

/// Takes our rules out of all chains of others.
pub(super) fn close(socket: &mut Socket, bridge: &str) {
    let mark = comment(bridge);
    for chain in chains(socket).unwrap_or_default() {
        let question = message(GET_RULE, chain.family, 0)
            .str(NFTA_RULE_TABLE, &chain.table)
            .str(NFTA_RULE_CHAIN, &chain.name);
        let Ok(rules) = socket.query(question, true) else { continue };
        for rule in rules {
            let Some(attributes) = rule.payload.get(4..) else { continue };
            let (Some(handle), Some(userdata)) =
                (attribute(attributes, NFTA_RULE_HANDLE), attribute(attributes, NFTA_RULE_USERDATA))
            else {
                continue;
            };
            if !userdata.starts_with(&mark) {
                continue;
            }
            let delete = message(DELETE_RULE, chain.family, 0)
                .str(NFTA_RULE_TABLE, &chain.table)
                .str(NFTA_RULE_CHAIN, &chain.name)
                .attr(NFTA_RULE_HANDLE, handle);
            if let Err(error) = commit(socket, vec![delete]) {
                tracing::warn!(%chain, %error, "cannot remove a firewall rule of ours");
            }
        }
    }
}

/// The filtering base chains which see forwarded or incoming IPv4 packets, except our own.
fn chains(socket: &mut Socket) -> io::Result<Vec<Chain>> {
    let replies = socket.query(message(GET_CHAIN, libc::AF_UNSPEC as u8, 0), true)?;
    Ok(replies.iter().filter_map(|reply| chain(&reply.payload)).collect())
}

fn chain(payload: &[u8]) -> Option<Chain> {
    let family = *payload.first()?;
    let mut chain =
        Chain { family, table: String::new(), name: String::new(), hook: u32::MAX, closed: false };
    let mut kind = String::new();
    for (number, value) in attributes(payload.get(4..)?) {
        match number {
            NFTA_CHAIN_TABLE => chain.table = text(value).to_owned(),
            NFTA_CHAIN_NAME => chain.name = text(value).to_owned(),
            NFTA_CHAIN_TYPE => kind = text(value).to_owned(),
            NFTA_CHAIN_POLICY => chain.closed = be32(value)? == POLICY_DROP,
            NFTA_CHAIN_HOOK => chain.hook = be32(attribute(value, NFTA_HOOK_NUMBER)?)?,
            _ => {}
        }
    }
    chain.closed |= chain.table == FIREWALLD;
    let ours = matches!(family, FAMILY_IPV4 | FAMILY_INET);
    (ours && kind == "filter" && matches!(chain.hook, HOOK_FORWARD | HOOK_INPUT)).then_some(chain)
}

fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}
