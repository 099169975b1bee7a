//! Which servers are asked for a reference, in which order, and how.

use super::config::RegistryConfig;
use super::error::RegistryError;
use super::transport::Security;
use crate::reference::{DEFAULT_REGISTRY, Reference};

/// The server behind `docker.io`.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// A server that may have what a reference names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Endpoint {
    /// Name for messages and credentials: `docker.io`, `cache:5000`.
    pub(super) name: String,
    /// How it is spoken to.
    pub(super) security: Security,
    /// `https://registry-1.docker.io/v2/library/alpine`
    pub(super) base: String,
    /// Path of the repository on this server.
    pub(super) repository: String,
}

impl Endpoint {
    /// The registry itself, without mirrors.
    pub(super) fn origin(config: &RegistryConfig, reference: &Reference) -> Self {
        let name = reference.registry();
        let host = if name == DEFAULT_REGISTRY { DOCKER_HUB_HOST } else { name };
        let security = security_of(config, name);
        Self::new(name, host, security, reference.repository().to_owned())
    }

    /// Mirrors in their order, then the registry itself.
    pub(super) fn all(config: &RegistryConfig, reference: &Reference) -> Result<Vec<Self>, RegistryError> {
        let mut endpoints = Vec::new();
        for mirror in config.mirrors.get(reference.registry()).into_iter().flatten() {
            endpoints.push(Self::mirror(config, mirror, reference)?);
        }
        endpoints.push(Self::origin(config, reference));
        Ok(endpoints)
    }

    fn mirror(config: &RegistryConfig, mirror: &str, reference: &Reference) -> Result<Self, RegistryError> {
        let (security, rest) = match mirror.split_once("://") {
            Some(("http", rest)) => (Some(Security::Plain), rest),
            Some(("https", rest)) => (Some(Security::Checked), rest),
            Some((scheme, _)) => {
                return Err(RegistryError::Config(format!(
                    "mirror {mirror:?}: unknown scheme {scheme:?}; write http:// or https://"
                )));
            }
            None => (None, mirror),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        if host.is_empty() {
            return Err(RegistryError::Config(format!("mirror {mirror:?} has no host")));
        }
        let security = match security {
            Some(Security::Checked) if config.insecure.contains(host) => Security::Unchecked,
            Some(security) => security,
            None => security_of(config, host),
        };
        let repository = match path {
            "" => reference.repository().to_owned(),
            path => format!("{path}/{}", reference.repository()),
        };
        Ok(Self::new(host, host, security, repository))
    }

    fn new(name: &str, host: &str, security: Security, repository: String) -> Self {
        let base = format!("{}://{host}/v2/{repository}", security.scheme());
        Self { name: name.to_owned(), security, base, repository }
    }
}

fn security_of(config: &RegistryConfig, host: &str) -> Security {
    if config.plain_http.contains(host) {
        Security::Plain
    } else if config.insecure.contains(host) {
        Security::Unchecked
    } else if is_loopback(host) {
        Security::Plain
    } else {
        Security::Checked
    }
}

/// Whether `host`, with or without a port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn bases(config: &RegistryConfig, reference: &str) -> Vec<String> {
        let reference = reference.parse().unwrap();
        Endpoint::all(config, &reference).unwrap().into_iter().map(|endpoint| endpoint.base).collect()
    }

    #[test]
    fn mirrors_come_first_and_docker_hub_has_its_own_host() {
        let mirrors = vec![
            "http://cache:5000/hub/".to_owned(),
            "127.0.0.1:5001".to_owned(),
            "mirror.example".to_owned(),
        ];
        let config = RegistryConfig {
            mirrors: BTreeMap::from([("docker.io".to_owned(), mirrors)]),
            ..Default::default()
        };
        assert_eq!(
            bases(&config, "alpine"),
            [
                "http://cache:5000/v2/hub/library/alpine",
                "http://127.0.0.1:5001/v2/library/alpine",
                "https://mirror.example/v2/library/alpine",
                "https://registry-1.docker.io/v2/library/alpine",
            ]
        );
        assert_eq!(bases(&config, "ghcr.io/a/b"), ["https://ghcr.io/v2/a/b"]);
    }

    #[test]
    fn loopback_is_plain_and_others_are_as_told() {
        let config = RegistryConfig {
            plain_http: BTreeSet::from(["registry:5000".to_owned()]),
            insecure: BTreeSet::from(["localhost:5443".to_owned()]),
            ..Default::default()
        };
        assert_eq!(bases(&config, "localhost/a"), ["http://localhost/v2/a"]);
        assert_eq!(bases(&config, "[::1]:5000/a"), ["http://[::1]:5000/v2/a"]);
        assert_eq!(bases(&config, "registry:5000/a"), ["http://registry:5000/v2/a"]);
        assert_eq!(bases(&config, "registry:5001/a"), ["https://registry:5001/v2/a"]);
        assert_eq!(bases(&config, "localhost:5443/a"), ["https://localhost:5443/v2/a"]);
    }

    #[test]
    fn bad_mirrors_are_refused() {
        for mirror in ["ftp://x", "http://", ""] {
            let config = RegistryConfig {
                mirrors: BTreeMap::from([("docker.io".to_owned(), vec![mirror.to_owned()])]),
                ..Default::default()
            };
            assert!(Endpoint::all(&config, &"alpine".parse().unwrap()).is_err(), "{mirror:?}");
        }
    }
}
