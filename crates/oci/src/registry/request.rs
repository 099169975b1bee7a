//! One HTTP exchange: sending, redirects, and what failures mean.

use std::error::Error;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;

use super::challenge::{self, Challenge};
use super::config::RegistryConfig;
use super::error::RegistryError;
use super::transport::{Security, Transport};
use super::upload::Payload;

const MAX_REDIRECTS: usize = 10;
const MAX_ERROR_BODY: usize = 16 << 10;
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// A registry that asks for more patience than this is not waited for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What is sent. The body is kept, so that the request can be sent again.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Option<Payload>,
}

impl Request {
    pub(super) const fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: Vec::new(), body: None }
    }
}

/// Value of the `Authorization` header for a user name and password.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// Sends, and follows redirects. The credentials go to the first host only.
pub(super) async fn send_once(
    transport: &Transport,
    security: Security,
    request: &Request,
) -> Result<Response, Failure> {
    let mut security = security;
    let mut url = request.url.clone();
    for _ in 0..=MAX_REDIRECTS {
        let same_origin = url.origin() == request.url.origin();
        let client = transport.client(security).map_err(Failure::Config)?;
        let mut builder = client.request(request.method.clone(), url.clone());
        for (name, value) in request.headers.iter().filter(|(name, _)| same_origin || *name != AUTHORIZATION)
        {
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_LENGTH, body.length()).body(body.body());
        }
        let response = builder.send().await.map_err(|error| Failure::before_answer(&error))?;
        let target = match response.status() {
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => response.headers().get(LOCATION),
            _ => return Ok(response),
        };
        let target = target.and_then(|target| target.to_str().ok()).and_then(|target| url.join(target).ok());
        let Some(target) = target else {
            return Err(Failure::Malformed("a redirect without a valid Location".to_owned()));
        };
        security = match target.scheme() {
            "https" if security == Security::Unchecked && target.host_str() == url.host_str() => {
                Security::Unchecked
            }
            "https" => Security::Checked,
            "http" if security == Security::Plain => Security::Plain,
            _ => return Err(Failure::Malformed(format!("a redirect to {target}, which is not encrypted"))),
        };
        url = target;
    }
    Err(Failure::Malformed(format!("more than {MAX_REDIRECTS} redirects")))
}

/// The whole body, which must not be longer than `limit`.
pub(super) async fn body_up_to(mut response: Response, limit: usize) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::connection(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::Malformed(format!("the answer is longer than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Why a request did not succeed, before it is known what it was for.
#[derive(Debug)]
pub(super) enum Failure {
    Connection { reason: String, hint: &'static str, again: bool },
    Status { status: StatusCode, reason: String, challenges: Vec<Challenge>, retry_after: Option<Duration> },
    Malformed(String),
    Config(RegistryError),
}

impl Failure {
    /// Nothing was answered. Who was silent for that long would be so again and again; a download that stops is another
    /// matter.
    fn before_answer(error: &reqwest::Error) -> Self {
        match Self::connection(error) {
            Self::Connection { reason, hint, .. } if error.is_timeout() && !error.is_connect() => {
                Self::Connection { reason, hint, again: false }
            }
            failure => failure,
        }
    }

    pub(super) fn connection(error: &reqwest::Error) -> Self {
        let mut chain = vec![error.to_string()];
        let mut source = error.source();
        let mut refused = false;
        while let Some(cause) = source {
            let io = cause.downcast_ref::<std::io::Error>();
            refused |= io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
            chain.push(cause.to_string());
            source = cause.source();
        }
        let text = chain.join(": ");
        let lower = text.to_ascii_lowercase();
        // The innermost cause is the one that a person understands; the outer ones repeat the URL.
        let innermost = || chain.last().cloned().unwrap_or_default();
        if refused {
            let reason = "connection refused".to_owned();
            return Self::Connection {
                reason,
                hint: "check that the registry runs and that the port is right",
                again: false,
            };
        }
        if lower.contains("dns error") || lower.contains("failed to lookup") {
            let reason = format!("the host name cannot be resolved ({})", innermost());
            return Self::Connection {
                reason,
                hint: "check the name, the network and the name server",
                again: false,
            };
        }
        if lower.contains("certificate") {
            let hint =
                "add its certificate authority to the registry settings (`ca`), or mark the host `insecure`";
            return Self::Connection { reason: innermost(), hint, again: false };
        }
        if lower.contains("invalidcontenttype") || lower.contains("corrupt message") {
            let hint = "the host seems to speak plain HTTP: set `http` for it in the registry settings";
            return Self::Connection { reason: innermost(), hint, again: false };
        }
        if error.is_timeout() {
            let reason = "timed out".to_owned();
            return Self::Connection {
                reason,
                hint: "check the network, or set a proxy or mirror",
                again: true,
            };
        }
        Self::Connection { reason: innermost(), hint: "check the network and try again", again: true }
    }

    pub(super) async fn of_status(response: Response) -> Self {
        let status = response.status();
        let headers = response.headers();
        let challenges = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenge::parse)
            .collect();
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = body_up_to(response, MAX_ERROR_BODY).await.unwrap_or_default();
        Self::Status { status, reason: reason_in(&body, status), challenges, retry_after }
    }

    /// How long to wait before the next attempt; `None` if another attempt is no use.
    pub(super) fn delay(&self, config: &RegistryConfig, attempt: u32) -> Option<Duration> {
        if attempt >= config.retries {
            return None;
        }
        let usual = config.backoff.saturating_mul(1 << attempt.min(16)).min(MAX_BACKOFF);
        match self {
            Self::Connection { again: true, .. } => Some(usual),
            Self::Status { status, retry_after, .. } => {
                let transient = status.is_server_error() && *status != StatusCode::NOT_IMPLEMENTED
                    || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
                let delay = retry_after.unwrap_or(usual);
                (transient && delay <= MAX_RETRY_AFTER).then_some(delay)
            }
            _ => None,
        }
    }

    pub(super) fn into_error(
        self,
        what: &'static str,
        reference: &str,
        host: &str,
        had_credentials: bool,
    ) -> RegistryError {
        let (reference, host) = (reference.to_owned(), host.to_owned());
        match self {
            Self::Connection { reason, hint, .. } => {
                RegistryError::Unreachable { reference, host, reason, hint }
            }
            Self::Status { status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, reason, .. } => {
                let hint = if had_credentials {
                    "check the user name and the password or token, and what they allow"
                } else {
                    "no credentials were given: give them by `withRegistryAuth`; it may also be that there is no such repository"
                };
                RegistryError::Unauthorized { reference, host, reason, hint }
            }
            Self::Status { status: StatusCode::NOT_FOUND, .. } => {
                RegistryError::NotFound { what, reference, host }
            }
            Self::Status { status, mut reason, .. } => {
                if status == StatusCode::TOO_MANY_REQUESTS {
                    reason.push_str(
                        "; wait, give credentials by `withRegistryAuth`, or set a mirror for this registry",
                    );
                } else if status.is_server_error() {
                    reason.push_str("; try again later, or set a mirror for this registry");
                }
                RegistryError::Status { reference, host, status: status.as_u16(), reason }
            }
            Self::Malformed(reason) => RegistryError::Malformed { reference, host, reason },
            Self::Config(error) => error,
        }
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The registry's own words: its JSON errors, else the start of a short text, else the name of the status.
fn reason_in(body: &[u8], status: StatusCode) -> String {
    let errors = serde_json::from_slice::<ErrorBody>(body).map(|body| body.errors).unwrap_or_default();
    let texts: Vec<String> = errors
        .iter()
        .map(|item| match (item.code.as_str(), item.message.as_str()) {
            ("", message) => message.to_owned(),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        })
        .filter(|text| !text.is_empty())
        .collect();
    if !texts.is_empty() {
        return texts.join(", ");
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') || text.starts_with('{') || text.len() > 300 {
        return status.canonical_reason().unwrap_or("no reason given").to_ascii_lowercase();
    }
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        let status = StatusCode::UNAUTHORIZED;
        let body =
            br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
        assert_eq!(reason_in(body, status), "UNAUTHORIZED: authentication required");
        assert_eq!(reason_in(b"slow\ndown\n", status), "slow down");
        assert_eq!(reason_in(b"<html>", status), "unauthorized");
    }

    #[test]
    fn errors_say_what_to_do_next() {
        let cases = [(500, "try again later"), (429, "withRegistryAuth"), (401, "withRegistryAuth")];
        for (code, advice) in cases {
            let status = StatusCode::from_u16(code).unwrap();
            let failure =
                Failure::Status { status, reason: String::new(), challenges: vec![], retry_after: None };
            let error = failure.into_error("manifest", "r/app:1", "r", false).to_string();
            assert!(error.contains(advice) && !error.contains("log in"), "{code}: {error}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let config = RegistryConfig { retries: 2, ..Default::default() };
        let status = |code, retry_after| Failure::Status {
            status: StatusCode::from_u16(code).unwrap(),
            reason: String::new(),
            challenges: vec![],
            retry_after,
        };
        assert_eq!(status(503, None).delay(&config, 0), Some(Duration::from_millis(250)));
        assert_eq!(status(503, None).delay(&config, 1), Some(Duration::from_millis(500)));
        assert_eq!(status(503, None).delay(&config, 2), None);
        assert_eq!(status(429, Some(Duration::from_secs(7))).delay(&config, 0), Some(Duration::from_secs(7)));
        assert_eq!(status(429, Some(Duration::from_secs(700))).delay(&config, 0), None);
        for code in [400, 401, 404, 501] {
            assert_eq!(status(code, None).delay(&config, 0), None, "{code}");
        }
    }
}
