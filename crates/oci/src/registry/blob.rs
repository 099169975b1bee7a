//! Downloads of blobs, which go on where a broken connection left off.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};

use super::client::{Call, RegistryClient};
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::request::Failure;
use crate::digest::{Sha256Digest, Sha256Hasher};
use crate::manifest::Descriptor;
use crate::reference::Reference;

/// A blob on its way.
///
/// The length is checked here. The digest is not: whoever takes the bytes hashes them (off the network's threads)
/// and calls [`BlobDownload::check`] at the end.
#[derive(Debug)]
pub struct BlobDownload {
    client: RegistryClient,
    reference: Arc<str>,
    digest: Sha256Digest,
    size: u64,
    /// Not yet given up, the one in use first.
    endpoints: Vec<Endpoint>,
    response: Option<Response>,
    received: u64,
    /// Bytes that a server without ranges sends again.
    skip: u64,
    /// Broken connections since the last byte came.
    broken: u32,
    failed: Vec<RegistryError>,
}

impl RegistryClient {
    /// Starts the download of a blob of the image `reference`. Nothing is asked before the first chunk.
    pub fn download(&self, reference: &Reference, blob: &Descriptor) -> Result<BlobDownload, RegistryError> {
        Ok(BlobDownload::new(self, reference, blob, Endpoint::all(self.config(), reference)?))
    }

    /// The same from one endpoint only.
    pub(super) fn download_at(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        blob: &Descriptor,
    ) -> BlobDownload {
        BlobDownload::new(self, reference, blob, vec![endpoint.clone()])
    }

    /// A small blob as a whole, with its digest checked. `limit` is in bytes.
    pub async fn fetch_blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, RegistryError> {
        self.download(reference, blob)?.whole(limit).await
    }
}

impl BlobDownload {
    fn new(
        client: &RegistryClient,
        reference: &Reference,
        blob: &Descriptor,
        endpoints: Vec<Endpoint>,
    ) -> Self {
        Self {
            client: client.clone(),
            reference: format!("{}@{}", reference.name(), blob.digest).into(),
            digest: blob.digest,
            size: blob.size,
            endpoints,
            response: None,
            received: 0,
            skip: 0,
            broken: 0,
            failed: Vec::new(),
        }
    }

    /// All of it, with the digest checked.
    pub(super) async fn whole(mut self, limit: u64) -> Result<Bytes, RegistryError> {
        if self.size > limit {
            return Err(RegistryError::Malformed {
                reference: self.reference.to_string(),
                host: self.host().to_owned(),
                reason: format!("it has {} bytes, more than the {limit} that are allowed", self.size),
            });
        }
        let mut hasher = Sha256Hasher::new();
        let mut body = Vec::with_capacity(self.size as usize);
        while let Some(chunk) = self.next_chunk().await? {
            hasher.update(&chunk);
            body.extend_from_slice(&chunk);
        }
        self.check(hasher.finish())?;
        Ok(body.into())
    }

    /// The next bytes; `None` at the end, when exactly as many as announced have come.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            if self.received == self.size {
                return Ok(None);
            }
            if self.response.is_none() {
                self.connect().await?;
            }
            let Some(response) = &mut self.response else { continue };
            let failure = match response.chunk().await {
                Ok(Some(mut chunk)) => {
                    let skipped = self.skip.min(chunk.len() as u64);
                    self.skip -= skipped;
                    let chunk = chunk.split_off(skipped as usize);
                    if chunk.is_empty() {
                        continue;
                    }
                    self.received += chunk.len() as u64;
                    self.broken = 0;
                    if self.received > self.size {
                        return Err(self.wrong_size("more"));
                    }
                    return Ok(Some(chunk));
                }
                Ok(None) => Failure::Connection {
                    reason: format!("the connection ended after {} of {} bytes", self.received, self.size),
                    hint: "check the network and try again",
                    again: true,
                },
                Err(error) => Failure::connection(&error),
            };
            self.response = None;
            match failure.delay(self.client.config(), self.broken) {
                Some(delay) => {
                    tracing::debug!(blob = %self.digest, received = self.received, "download broke off, resuming");
                    tokio::time::sleep(delay).await;
                    self.broken += 1;
                }
                None => {
                    let host = self.host().to_owned();
                    self.give_up(failure.into_error("blob", &self.reference, &host, false))?;
                }
            }
        }
    }

    /// Compares the digest of what came with what was asked for.
    pub fn check(&self, actual: Sha256Digest) -> Result<(), RegistryError> {
        if actual == self.digest {
            return Ok(());
        }
        Err(RegistryError::wrong_digest(&self.reference, self.host(), self.digest, actual))
    }

    fn host(&self) -> &str {
        self.endpoints.first().map_or("", |endpoint| &endpoint.name)
    }

    /// Asks the endpoints in their order, for the part that is missing.
    async fn connect(&mut self) -> Result<(), RegistryError> {
        loop {
            let Some(endpoint) = self.endpoints.first().cloned() else {
                return Err(RegistryError::Config(format!("no registry to ask for {}", self.reference)));
            };
            let path = format!("/blobs/{}", self.digest);
            let mut call = Call::get(&path, "blob");
            if self.received > 0 {
                call.headers.push((RANGE, format!("bytes={}-", self.received)));
            }
            match self.client.call(&endpoint, &self.reference, call).await {
                Ok(response) => {
                    self.skip = match response.status() {
                        StatusCode::PARTIAL_CONTENT if starts_at(&response, self.received) => 0,
                        StatusCode::PARTIAL_CONTENT => {
                            return Err(RegistryError::Malformed {
                                reference: self.reference.to_string(),
                                host: endpoint.name,
                                reason: "another range than asked for".to_owned(),
                            });
                        }
                        _ => self.received,
                    };
                    if self.received == 0
                        && response.content_length().is_some_and(|length| length != self.size)
                    {
                        let actual = response.content_length().unwrap_or_default();
                        return Err(self.wrong_size(&actual.to_string()));
                    }
                    self.response = Some(response);
                    return Ok(());
                }
                Err(error) => self.give_up(error)?,
            }
        }
    }

    /// Leaves the present endpoint for the next one; fails if it is the last.
    fn give_up(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        if self.endpoints.len() > 1 {
            let mirror = self.endpoints.remove(0);
            tracing::debug!(mirror = mirror.name, %error, "mirror failed");
            self.failed.push(error);
            self.broken = 0;
            return Ok(());
        }
        Err(with_mirrors(error, std::mem::take(&mut self.failed)))
    }

    fn wrong_size(&self, actual: &str) -> RegistryError {
        RegistryError::WrongDigest {
            reference: self.reference.to_string(),
            host: self.host().to_owned(),
            expected: format!("{} bytes", self.size),
            actual: format!("{actual} bytes"),
        }
    }
}

/// The error of the registry itself, together with those of its mirrors.
pub(super) fn with_mirrors(last: RegistryError, mirrors: Vec<RegistryError>) -> RegistryError {
    if mirrors.is_empty() { last } else { RegistryError::AllFailed { last: Box::new(last), mirrors } }
}

fn starts_at(response: &Response, at: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_none_or(|range| {
        range.strip_prefix("bytes ").is_some_and(|rest| rest.starts_with(&format!("{at}-")))
    })
}
