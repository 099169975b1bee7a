//! Uploads: blobs in one request each, then manifests.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Body, Method, Response, StatusCode, Url};

use super::client::{Access, Call, RegistryClient};
use super::endpoint::Endpoint;
use super::error::RegistryError;
use crate::digest::Sha256Digest;
use crate::reference::Reference;

/// The body of a request, which can be sent more than once.
#[derive(Clone)]
pub(crate) enum Payload {
    /// Kept in memory.
    Bytes(Bytes),
    /// Made anew for every attempt.
    Stream {
        /// In bytes.
        length: u64,
        make: Arc<dyn Fn() -> Body + Send + Sync>,
    },
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length())
    }
}

impl Payload {
    pub(super) const fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream { length, .. } => *length,
        }
    }

    pub(super) fn body(&self) -> Body {
        match self {
            Self::Bytes(bytes) => bytes.clone().into(),
            Self::Stream { make, .. } => make(),
        }
    }
}

impl RegistryClient {
    /// Uploads a blob unless the repository has it. Whether it was sent.
    pub(crate) async fn put_blob(
        &self,
        reference: &Reference,
        digest: &Sha256Digest,
        payload: Payload,
    ) -> Result<bool, RegistryError> {
        let endpoint = Endpoint::origin(self.config(), reference);
        let name = format!("{}@{digest}", reference.name());
        let path = format!("/blobs/{digest}");
        let mut head = pushing(Method::HEAD, &path);
        head.also = &[StatusCode::NOT_FOUND];
        if self.call(&endpoint, &name, head).await?.status().is_success() {
            return Ok(false);
        }
        let mut attempt = 0;
        loop {
            let start = self.call(&endpoint, &name, pushing(Method::POST, "/blobs/uploads/")).await?;
            let target = upload_url(&endpoint, &name, &start, digest)?;
            let mut put = pushing(Method::PUT, target.as_str());
            put.headers.push((CONTENT_TYPE, "application/octet-stream".to_owned()));
            put.body = Some(payload.clone());
            // An upload that broke off cannot be sent again to the same place: a new one is started.
            put.once = true;
            match self.call(&endpoint, &name, put).await {
                Ok(_) => return Ok(true),
                Err(error) if error.may_pass() && attempt < self.config().retries => {
                    tracing::debug!(%digest, %error, "upload failed, starting anew");
                    tokio::time::sleep(self.config().backoff.saturating_mul(1 << attempt.min(5))).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Uploads a manifest or index under a tag or digest.
    pub(crate) async fn put_manifest(
        &self,
        reference: &Reference,
        target: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<(), RegistryError> {
        let endpoint = Endpoint::origin(self.config(), reference);
        let path = format!("/manifests/{target}");
        let mut put = pushing(Method::PUT, &path);
        put.what = "repository";
        put.headers.push((CONTENT_TYPE, media_type.to_owned()));
        put.body = Some(Payload::Bytes(bytes));
        self.call(&endpoint, &reference.to_string(), put).await?;
        Ok(())
    }
}

fn pushing(method: Method, path: &str) -> Call<'_> {
    let mut call = Call::get(path, "repository");
    call.method = method;
    call.access = Access::Push;
    call
}

/// Where the content goes: the registry says it, relative or absolute, perhaps with a state of its own.
fn upload_url(
    endpoint: &Endpoint,
    name: &str,
    response: &Response,
    digest: &Sha256Digest,
) -> Result<Url, RegistryError> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let url = location.and_then(|location| response.url().join(location).ok());
    let mut url = url.ok_or_else(|| RegistryError::Malformed {
        reference: name.to_owned(),
        host: endpoint.name.clone(),
        reason: "an upload without a valid Location".to_owned(),
    })?;
    url.query_pairs_mut().append_pair("digest", &digest.to_string());
    Ok(url)
}
