//! IPv4 subnets, and the choice of one which nothing else on the machine uses.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 network such as `10.87.0.0/16`; bits below the prefix are zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Subnet {
    network: u32,
    prefix: u8,
}

/// The text is not a subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a subnet: {0:?} (expected an IPv4 network and a prefix length, as in \"10.87.0.0/16\")")]
pub struct ParseSubnetError(pub String);

impl Subnet {
    /// The network which holds `address`; `prefix` is cut to 32.
    #[must_use]
    pub const fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = if prefix > 32 { 32 } else { prefix };
        Self { network: address.to_bits() & mask(prefix), prefix }
    }

    /// The network's first address.
    #[must_use]
    pub const fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network)
    }

    /// Length of the prefix in bits.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The netmask.
    #[must_use]
    pub const fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(mask(self.prefix))
    }

    /// The first host address, which the bridge gets.
    #[must_use]
    pub const fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network + 1)
    }

    /// Addresses for containers: all but network, gateway and broadcast.
    pub(super) fn hosts(&self) -> std::ops::Range<u32> {
        let last = self.network | !mask(self.prefix);
        self.network.saturating_add(2)..last
    }

    /// Whether the address lies inside.
    #[must_use]
    pub const fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix) == self.network
    }

    /// Whether the two share an address.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        let prefix = if self.prefix < other.prefix { self.prefix } else { other.prefix };
        self.network & mask(prefix) == other.network & mask(prefix)
    }
}

const fn mask(prefix: u8) -> u32 {
    if prefix == 0 { 0 } else { u32::MAX << (32 - prefix) }
}

impl Default for Subnet {
    fn default() -> Self {
        Self::new(Ipv4Addr::new(10, 87, 0, 0), 16)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = ParseSubnetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseSubnetError(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        if prefix > 32 {
            return Err(wrong());
        }
        Ok(Self::new(address, prefix))
    }
}

/// Picks `preferred`, or the first alternative which overlaps none of `taken` (routes, DNS servers).
///
/// # Errors
/// The subnets which were tried.
pub(super) fn choose(preferred: Subnet, taken: &[Subnet]) -> Result<Subnet, Vec<Subnet>> {
    let mut tried = Vec::new();
    for candidate in std::iter::once(preferred).chain(alternatives()) {
        if tried.contains(&candidate) {
            continue;
        }
        if !taken.iter().any(|subnet| subnet.overlaps(&candidate)) {
            return Ok(candidate);
        }
        tried.push(candidate);
    }
    Err(tried)
}

/// Private networks which few others use, large ones first.
fn alternatives() -> impl Iterator<Item = Subnet> {
    let large = (87..=99).map(|second| Subnet::new(Ipv4Addr::new(10, second, 0, 0), 16));
    let middle = (28..=31).rev().map(|second| Subnet::new(Ipv4Addr::new(172, second, 0, 0), 16));
    let small = (0..16).map(|block| Subnet::new(Ipv4Addr::new(192, 168, 240 - block * 16, 0), 20));
    large.chain(middle).chain(small)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_parsed_and_cut_to_the_network() {
        assert_eq!(subnet("10.87.3.4/16").to_string(), "10.87.0.0/16");
        for wrong in ["10.87.0.0", "10.87.0.0/33", "10.87/16", "::/0"] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_leave_out_network_gateway_and_broadcast() {
        let hosts = subnet("192.168.7.0/29").hosts();
        let names: Vec<String> = hosts.map(|host| Ipv4Addr::from_bits(host).to_string()).collect();
        assert_eq!(names, ["192.168.7.2", "192.168.7.3", "192.168.7.4", "192.168.7.5", "192.168.7.6"]);
    }

    #[test]
    fn a_taken_subnet_is_left_alone() {
        let preferred = Subnet::default();
        assert_eq!(choose(preferred, &[subnet("192.0.2.0/24")]), Ok(preferred));
        assert_eq!(choose(preferred, &[subnet("10.87.4.0/24")]), Ok(subnet("10.88.0.0/16")), "inside");
        assert_eq!(choose(preferred, &[subnet("10.0.0.0/8")]), Ok(subnet("172.31.0.0/16")), "around");
        assert_eq!(
            choose(preferred, &[subnet("10.0.0.0/8"), subnet("172.16.0.0/12"), subnet("192.168.240.0/24")]),
            Ok(subnet("192.168.224.0/20"))
        );
        assert!(choose(preferred, &[subnet("0.0.0.0/0")]).is_err());
    }
}
