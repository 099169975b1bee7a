//! Settings of the registry client.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of a [`RegistryClient`](super::RegistryClient). Hosts are written as in references, with the port if there is one.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Host -> URLs or hosts of mirrors, tried in this order before the host itself. A mirror may have a path
    /// (`http://cache:5000/hub`). Default: none.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Hosts that speak plain HTTP. `localhost`, `127.0.0.0/8` and `[::1]` do so without being named here, unless
    /// they are in `insecure`. Default: none.
    pub plain_http: BTreeSet<String>,
    /// Hosts whose certificate is not checked. Default: none.
    pub insecure: BTreeSet<String>,
    /// PEM files with certificate authorities that are trusted beside those of the system. Default: none.
    pub ca_bundles: Vec<PathBuf>,
    /// Proxies. Default: none.
    pub proxy: ProxyConfig,
    /// Host names that are not to be looked up, and their addresses (registries inside services). Default: none.
    pub addresses: BTreeMap<String, SocketAddr>,
    /// The `User-Agent` header. Default: `kukri/<version>`.
    pub user_agent: String,
    /// How long connecting may take. Default: 15 s.
    pub connect_timeout: Duration,
    /// How long a registry may be silent. Default: 60 s.
    pub read_timeout: Duration,
    /// How often a failed request is tried again (server errors, broken connections, rate limits). Default: 4.
    pub retries: u32,
    /// Waiting time before the first retry; doubles with each, up to 10 s. Default: 250 ms.
    pub backoff: Duration,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            mirrors: BTreeMap::new(),
            plain_http: BTreeSet::new(),
            insecure: BTreeSet::new(),
            ca_bundles: Vec::new(),
            proxy: ProxyConfig::default(),
            addresses: BTreeMap::new(),
            user_agent: concat!("kukri/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(60),
            retries: 4,
            backoff: Duration::from_millis(250),
        }
    }
}

/// Proxies for registry traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// URL of the proxy for `http://` registries.
    pub http: Option<String>,
    /// URL of the proxy for `https://` registries.
    pub https: Option<String>,
    /// Comma-separated hosts, domains and networks that are reached directly, as in `NO_PROXY`. Loopback always is.
    pub no_proxy: Option<String>,
}
