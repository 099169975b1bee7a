//! `resolv.conf`: reading the host's, writing the containers'.

use std::fmt::Write as _;
use std::net::IpAddr;

/// What a `resolv.conf` says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResolvConf {
    /// Servers, in the order in which they are asked.
    pub nameservers: Vec<IpAddr>,
    /// Domains tried for short names.
    pub search: Vec<String>,
    /// Options such as `ndots:1`.
    pub options: Vec<String>,
}

impl ResolvConf {
    /// Reads the text of a `resolv.conf`; lines which are not understood are left out, as resolvers do.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or("");
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A zone (`fe80::1%eth0`) means nothing to anyone but the resolver library.
                    conf.nameservers.extend(words.next().and_then(|word| word.parse::<IpAddr>().ok()));
                }
                Some("search") => conf.search = words.map(str::to_owned).collect(),
                Some("domain") => conf.search = words.take(1).map(str::to_owned).collect(),
                Some("options") => conf.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        conf
    }

    /// The text of a `resolv.conf`.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for server in &self.nameservers {
            let _ = writeln!(text, "nameserver {server}");
        }
        if !self.search.is_empty() {
            let _ = writeln!(text, "search {}", self.search.join(" "));
        }
        if !self.options.is_empty() {
            let _ = writeln!(text, "options {}", self.options.join(" "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "# made by hand\nnameserver 127.0.0.53 ; local\nnameserver ::1\nnameserver fe80::1%eth0\n\
                    domain old.example\nsearch a.example b.example\noptions ndots:2 edns0\nsortlist x\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.nameservers, ["127.0.0.53".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert_eq!(conf.search, ["a.example", "b.example"], "the last of domain and search counts");
        assert_eq!(conf.options, ["ndots:2", "edns0"]);
        assert_eq!(ResolvConf::parse(&conf.render()), conf);
    }
}
