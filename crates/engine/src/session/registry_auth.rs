//! The credentials that a session was given for registries.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kukri_oci::registry::BoxFuture;
use kukri_oci::{AuthProvider, Credentials};

/// Credentials by registry, or by registry and repository.
#[derive(Default)]
pub struct SessionAuth {
    known: Mutex<HashMap<String, (String, String)>>,
}

impl SessionAuth {
    /// Sets or forgets credentials. Gives whether that changed anything.
    pub fn set(&self, address: &str, credentials: Option<(String, String)>) -> bool {
        let address =
            address.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(address) == credentials.as_ref() {
            return false;
        }
        match credentials {
            Some(credentials) => known.insert(address.to_owned(), credentials),
            None => known.remove(address),
        };
        true
    }

    /// The longest address that covers the repository wins.
    fn find(&self, host: &str, repository: &str) -> Option<(String, String)> {
        let full = format!("{host}/{repository}");
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .filter(|(address, _)| {
                full.strip_prefix(address.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|(address, _)| address.len())
            .map(|(_, credentials)| credentials.clone())
    }
}

impl AuthProvider for SessionAuth {
    fn credentials<'a>(
        &'a self,
        host: &'a str,
        repository: &'a str,
    ) -> BoxFuture<'a, Result<Option<Credentials>, String>> {
        let found = self.find(host, repository);
        Box::pin(async move { Ok(found.map(|(user, password)| Credentials::Basic { user, password })) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_address_wins() {
        let auth = SessionAuth::default();
        auth.set("https://example.com/", Some(("all".into(), "1".into())));
        assert!(auth.set("example.com/team", Some(("team".into(), "2".into()))));
        assert!(!auth.set("example.com/team", Some(("team".into(), "2".into()))), "that was known");
        let user = |repository: &str| auth.find("example.com", repository).map(|(user, _)| user);
        assert_eq!(user("other/app").as_deref(), Some("all"));
        assert_eq!(user("team/app").as_deref(), Some("team"));
        assert_eq!(user("teamwork/app").as_deref(), Some("all"));
        assert_eq!(auth.find("example.org", "team/app"), None);
        auth.set("example.com/team", None);
        assert_eq!(user("team/app").as_deref(), Some("all"));
    }
}
