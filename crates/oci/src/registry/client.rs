//! The client: endpoints, credentials and retries around single exchanges.

use std::fmt;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderName};
use reqwest::{Method, Response, StatusCode, Url};

use super::auth::AuthProvider;
use super::config::RegistryConfig;
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::request::{Failure, Request, send_once};
use super::token::{self, TokenCache};
use super::transport::Transport;
use super::upload::Payload;

/// Talks to registries. Cheap to clone; clones share connections and tokens.
#[derive(Clone)]
pub struct RegistryClient {
    pub(super) transport: Arc<Transport>,
    auth: Arc<dyn AuthProvider>,
    tokens: Arc<TokenCache>,
}

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistryClient")
    }
}

/// What is done with a repository; decides what a token must allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A request to one endpoint, before credentials.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// After the repository's path (`/manifests/latest`), or a complete URL.
    pub(super) path: &'a str,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Option<Payload>,
    /// Do not try again when it fails.
    pub(super) once: bool,
    pub(super) access: Access,
    /// `manifest` or `blob`, for messages.
    pub(super) what: &'static str,
    /// Statuses beside 2xx that are given back instead of being errors.
    pub(super) also: &'static [StatusCode],
}

impl<'a> Call<'a> {
    pub(super) const fn get(path: &'a str, what: &'static str) -> Self {
        Self {
            method: Method::GET,
            path,
            headers: Vec::new(),
            body: None,
            once: false,
            access: Access::Pull,
            what,
            also: &[],
        }
    }
}

impl RegistryClient {
    /// A client with these settings and credentials. Connects to nothing yet.
    #[must_use]
    pub fn new(config: RegistryConfig, auth: Arc<dyn AuthProvider>) -> Self {
        Self { transport: Arc::new(Transport::new(config)), auth, tokens: Arc::default() }
    }

    /// The same connections with other credentials, and tokens of their own: one per session.
    #[must_use]
    pub fn with_auth(&self, auth: Arc<dyn AuthProvider>) -> Self {
        Self { transport: Arc::clone(&self.transport), auth, tokens: Arc::default() }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &RegistryConfig {
        self.transport.config()
    }

    /// Sends to one endpoint, with credentials when they are asked for, and again when a failure may pass.
    pub(super) async fn call(
        &self,
        endpoint: &Endpoint,
        reference: &str,
        call: Call<'_>,
    ) -> Result<Response, RegistryError> {
        let text = if call.path.starts_with('/') {
            format!("{}{}", endpoint.base, call.path)
        } else {
            call.path.to_owned()
        };
        let url = Url::parse(&text).map_err(|error| RegistryError::Malformed {
            reference: reference.to_owned(),
            host: endpoint.name.clone(),
            reason: format!("{text:?} is not a URL: {error}"),
        })?;
        let actions = if call.access == Access::Pull { "pull" } else { "pull,push" };
        let scope = format!("repository:{}:{actions}", endpoint.repository);
        // Some registries hand out upload URLs on other hosts; the token is not for them.
        let own_host = text.starts_with(&endpoint.base)
            || Url::parse(&endpoint.base).is_ok_and(|base| base.origin() == url.origin());
        let mut request = Request::new(call.method, url);
        request.headers = call.headers;
        request.body = call.body;

        let mut authorization = self.tokens.get(&endpoint.name, &scope).filter(|_| own_host);
        let mut had_credentials = false;
        let mut asked = false;
        let mut attempt = 0;
        loop {
            let mut sent = request.clone();
            sent.headers.extend(authorization.iter().map(|value| (AUTHORIZATION, value.clone())));
            let failure = match send_once(&self.transport, endpoint.security, &sent).await {
                Ok(response) if response.status().is_success() || call.also.contains(&response.status()) => {
                    return Ok(response);
                }
                Ok(response) => Failure::of_status(response).await,
                Err(failure) => failure,
            };
            if let Failure::Status { status: StatusCode::UNAUTHORIZED, challenges, .. } = &failure
                && !asked
                && own_host
            {
                asked = true;
                self.tokens.forget(&endpoint.name, &scope);
                let credentials = self.credentials(endpoint, reference).await?;
                had_credentials = credentials.is_some();
                let answer = token::answer(
                    &self.transport,
                    endpoint,
                    reference,
                    challenges,
                    &scope,
                    credentials.as_ref(),
                )
                .await?;
                if let Some((header, lifetime)) = answer {
                    self.tokens.put(&endpoint.name, &scope, header.clone(), lifetime);
                    authorization = Some(header);
                    continue;
                }
            }
            match failure.delay(self.config(), attempt).filter(|_| !call.once) {
                Some(delay) => tokio::time::sleep(delay).await,
                None => {
                    return Err(failure.into_error(call.what, reference, &endpoint.name, had_credentials));
                }
            }
            attempt += 1;
        }
    }

    async fn credentials(
        &self,
        endpoint: &Endpoint,
        reference: &str,
    ) -> Result<Option<super::auth::Credentials>, RegistryError> {
        self.auth.credentials(&endpoint.name, &endpoint.repository).await.map_err(|reason| {
            RegistryError::Credentials {
                reference: reference.to_owned(),
                host: endpoint.name.clone(),
                reason,
            }
        })
    }
}
