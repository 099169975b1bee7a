//! Who we are for a registry.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// A future that can be sent to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What proves who we are. `Debug` hides the secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User name and password (or personal access token).
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// A token that the registry itself takes (`registrytoken` in Docker's configuration).
    RegistryToken(String),
    /// A refresh token, exchanged for an access token (`identitytoken` in Docker's configuration).
    IdentityToken(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => write!(f, "Basic({user})"),
            Self::RegistryToken(_) => f.write_str("RegistryToken"),
            Self::IdentityToken(_) => f.write_str("IdentityToken"),
        }
    }
}

/// Knows credentials: those of the session, of the client's Docker configuration, …
pub trait AuthProvider: Send + Sync {
    /// The credentials for `repository` at `host` (both as in references: `docker.io`, `library/alpine`).
    /// `None`: anonymous. An error is a text for the user; the request then fails with it.
    fn credentials<'a>(
        &'a self,
        host: &'a str,
        repository: &'a str,
    ) -> BoxFuture<'a, Result<Option<Credentials>, String>>;
}

/// Anonymous everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAuth;

impl AuthProvider for NoAuth {
    fn credentials<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Credentials>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// Fixed credentials, by `host` or `host/repository`; the longest that fits wins.
#[derive(Clone, Debug, Default)]
pub struct StaticAuth(pub BTreeMap<String, Credentials>);

impl StaticAuth {
    fn find(&self, host: &str, repository: &str) -> Option<&Credentials> {
        let name = format!("{host}/{repository}");
        let fits =
            |key: &str| name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.0.iter().filter(|(key, _)| fits(key)).max_by_key(|(key, _)| key.len()).map(|(_, found)| found)
    }
}

impl AuthProvider for StaticAuth {
    fn credentials<'a>(
        &'a self,
        host: &'a str,
        repository: &'a str,
    ) -> BoxFuture<'a, Result<Option<Credentials>, String>> {
        Box::pin(std::future::ready(Ok(self.find(host, repository).cloned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str) -> Credentials {
        Credentials::Basic { user: user.to_owned(), password: "p".to_owned() }
    }

    #[test]
    fn the_most_specific_address_wins() {
        let auth = StaticAuth(BTreeMap::from([
            ("ghcr.io".to_owned(), basic("all")),
            ("ghcr.io/org".to_owned(), basic("org")),
        ]));
        assert_eq!(auth.find("ghcr.io", "org/app"), Some(&basic("org")));
        assert_eq!(auth.find("ghcr.io", "organisation/app"), Some(&basic("all")));
        assert_eq!(auth.find("ghcr.io:443", "org"), None);
    }

    #[test]
    fn secrets_are_not_printed() {
        let text = format!("{:?}", Credentials::Basic { user: "u".into(), password: "hunter2".into() });
        assert!(!text.contains("hunter2"));
    }
}
