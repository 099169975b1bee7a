//! Access tokens: fetched from the token server that a registry names, and kept until they expire.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Url};
use serde::Deserialize;

use super::auth::Credentials;
use super::challenge::Challenge;
use super::endpoint::{Endpoint, is_loopback};
use super::error::RegistryError;
use super::request::{Failure, Request, basic, send_once};
use super::transport::{Security, Transport};
use super::upload::Payload;

/// Lifetime of tokens that do not say theirs (from the token specification).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
/// A token this close to its end is not used any more.
const MARGIN: Duration = Duration::from_secs(5);
const MAX_TOKEN_ANSWER: usize = 256 << 10;

/// Values of the `Authorization` header, by registry and scope.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<(String, String), (String, Instant)>>);

impl TokenCache {
    pub(super) fn get(&self, host: &str, scope: &str) -> Option<String> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (header, expires) = tokens.get(&(host.to_owned(), scope.to_owned()))?;
        (Instant::now() < *expires).then(|| header.clone())
    }

    pub(super) fn put(&self, host: &str, scope: &str, header: String, lifetime: Duration) {
        let expires = Instant::now() + lifetime.saturating_sub(MARGIN);
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, (_, expires)| Instant::now() < *expires);
        tokens.insert((host.to_owned(), scope.to_owned()), (header, expires));
    }

    pub(super) fn forget(&self, host: &str, scope: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(host.to_owned(), scope.to_owned()));
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

/// What the challenge asks for, as an `Authorization` header with its lifetime. `None`: we cannot answer it.
pub(super) async fn answer(
    transport: &Transport,
    endpoint: &Endpoint,
    reference: &str,
    challenges: &[Challenge],
    scope: &str,
    credentials: Option<&Credentials>,
) -> Result<Option<(String, Duration)>, RegistryError> {
    const FOREVER: Duration = Duration::from_secs(24 * 3600);
    // A bearer token says more about who may what, so it goes first.
    for challenge in challenges {
        if let Challenge::Bearer { realm, service, scope: wanted } = challenge {
            if let Some(Credentials::RegistryToken(token)) = credentials {
                return Ok(Some((format!("Bearer {token}"), FOREVER)));
            }
            let scope = wanted.as_deref().unwrap_or(scope);
            return fetch(transport, endpoint, reference, realm, service.as_deref(), scope, credentials)
                .await
                .map(Some);
        }
    }
    if challenges.contains(&Challenge::Basic)
        && let Some(Credentials::Basic { user, password }) = credentials
    {
        return Ok(Some((basic(user, password), FOREVER)));
    }
    Ok(None)
}

async fn fetch(
    transport: &Transport,
    endpoint: &Endpoint,
    reference: &str,
    realm: &str,
    service: Option<&str>,
    scope: &str,
    credentials: Option<&Credentials>,
) -> Result<(String, Duration), RegistryError> {
    let malformed = |reason: String| RegistryError::Malformed {
        reference: reference.to_owned(),
        host: endpoint.name.clone(),
        reason,
    };
    let mut url = Url::parse(realm).map_err(|error| malformed(format!("token server {realm:?}: {error}")))?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let security = match url.scheme() {
        "https" if endpoint.security == Security::Unchecked => Security::Unchecked,
        "https" => Security::Checked,
        // Credentials never go unencrypted where the registry itself is encrypted.
        "http" if endpoint.security == Security::Plain || is_loopback(&host) => Security::Plain,
        scheme => {
            return Err(malformed(format!("token server {realm:?}: {scheme} is not safe for credentials")));
        }
    };
    let mut request = if let Some(Credentials::IdentityToken(token)) = credentials {
        let mut form = url::form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", "kukri"),
            ("scope", scope),
        ]);
        if let Some(service) = service {
            form.push('&');
            form.push_str(&url::form(&[("service", service)]));
        }
        let mut request = Request::new(Method::POST, url);
        request.headers.push((CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned()));
        request.body = Some(Payload::Bytes(form.into()));
        request
    } else {
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scope.split(' ').filter(|scope| !scope.is_empty()) {
                query.append_pair("scope", scope);
            }
            if let Some(Credentials::Basic { user, .. }) = credentials {
                query.append_pair("account", user);
            }
        }
        let mut request = Request::new(Method::GET, url);
        if let Some(Credentials::Basic { user, password }) = credentials {
            request.headers.push((AUTHORIZATION, basic(user, password)));
        }
        request
    };
    request.headers.push((ACCEPT, "application/json".to_owned()));
    let mut attempt = 0;
    let response = loop {
        let failure = match send_once(transport, security, &request).await {
            Ok(response) if response.status().is_success() => break response,
            Ok(response) => Failure::of_status(response).await,
            Err(failure) => failure,
        };
        match failure.delay(transport.config(), attempt) {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(failure.into_error("token for", reference, &host, credentials.is_some())),
        }
        attempt += 1;
    };
    let bytes = super::request::body_up_to(response, MAX_TOKEN_ANSWER)
        .await
        .map_err(|failure| failure.into_error("token for", reference, &host, credentials.is_some()))?;
    let answer: Answer =
        serde_json::from_slice(&bytes).map_err(|error| malformed(format!("token server {host}: {error}")))?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| malformed(format!("token server {host} gave no token")))?;
    let lifetime = answer.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs).max(DEFAULT_LIFETIME);
    Ok((format!("Bearer {token}"), lifetime))
}

mod url {
    /// `name=value&…`, percent-encoded.
    pub(super) fn form(pairs: &[(&str, &str)]) -> String {
        let encode = |text: &str| {
            text.bytes().fold(String::new(), |mut out, byte| {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("%{byte:02X}"));
                }
                out
            })
        };
        pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        assert_eq!(url::form(&[("a", "b c&d=é")]), "a=b%20c%26d%3D%C3%A9");
    }

    #[test]
    fn tokens_expire() {
        let cache = TokenCache::default();
        cache.put("h", "s", "Bearer x".to_owned(), Duration::from_secs(60));
        assert_eq!(cache.get("h", "s").as_deref(), Some("Bearer x"));
        assert_eq!(cache.get("h", "other"), None);
        cache.put("h", "s", "Bearer y".to_owned(), Duration::from_secs(1));
        assert_eq!(cache.get("h", "s"), None);
    }
}
