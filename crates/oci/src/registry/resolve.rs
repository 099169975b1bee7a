//! From a reference and a platform to one manifest and its configuration.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kukri_model::Platform;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::blob::with_mirrors;
use super::client::{Call, RegistryClient};
use super::endpoint::Endpoint;
use super::error::{RegistryError, ResolveError};
use super::request::body_up_to;
use crate::digest::Sha256Digest;
use crate::image::ImageConfig;
use crate::manifest::{Document, Manifest, media};
use crate::reference::Reference;

/// Limit of the distribution specification.
const MAX_MANIFEST: usize = 4 << 20;
/// Configurations have no limit of their own; real ones have some kilobytes.
const MAX_CONFIG: u64 = 16 << 20;
/// Indexes may hold indexes; nobody nests deeper than two.
const MAX_DEPTH: usize = 4;

/// What a reference means at this moment for one platform.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What was asked for, without a digest unless one was given.
    pub reference: Reference,
    /// The platform that was asked for.
    pub platform: Platform,
    /// Digest that the reference stands for: of the index where there is one, else of the manifest.
    pub digest: Sha256Digest,
    /// Digest of the platform's manifest.
    pub manifest_digest: Sha256Digest,
    /// The platform's manifest.
    pub manifest: Manifest,
    /// The manifest as it came.
    pub manifest_bytes: Bytes,
    /// The image's configuration.
    pub config: ImageConfig,
    /// The configuration as it came.
    pub config_bytes: Bytes,
}

/// Tells what is known of the image with a digest.
pub type Known<'a> = &'a (dyn Fn(Sha256Digest) -> BoxFuture<'static, Option<Resolved>> + Sync);

impl Resolved {
    /// The reference pinned to what it means now: `docker.io/library/alpine:3.20@sha256:…`.
    #[must_use]
    pub fn pinned(&self) -> Reference {
        self.reference.with_digest(self.digest)
    }
}

impl RegistryClient {
    /// Finds the manifest and the configuration of `reference` for `platform`. Mirrors are asked first, in their order.
    pub async fn resolve(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Resolved, ResolveError> {
        self.resolve_known(reference, platform, &|_| Box::pin(std::future::ready(None))).await
    }

    /// The same, where `known` may tell for the platform what has been found out before about an image, by the digest that
    /// a reference stands for: the registry is asked for that digest and for no more.
    pub async fn resolve_known(
        &self,
        reference: &Reference,
        platform: &Platform,
        known: Known<'_>,
    ) -> Result<Resolved, ResolveError> {
        self.resolve_inner(reference, platform, known).await.map_err(|source| ResolveError {
            reference: reference.to_string(),
            platform: platform.clone(),
            source: Box::new(source),
        })
    }

    async fn resolve_inner(
        &self,
        reference: &Reference,
        platform: &Platform,
        known: Known<'_>,
    ) -> Result<Resolved, RegistryError> {
        let mut failed = Vec::new();
        for endpoint in Endpoint::all(self.config(), reference)? {
            match self.resolve_at(&endpoint, reference, platform, known).await {
                Ok(resolved) => return Ok(resolved),
                Err(error) => {
                    tracing::debug!(host = endpoint.name, %error, "cannot resolve here");
                    failed.push(error);
                }
            }
        }
        let nobody = || RegistryError::Config(format!("no registry to ask for {reference}"));
        Err(with_mirrors(failed.pop().unwrap_or_else(nobody), failed))
    }

    async fn resolve_at(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        platform: &Platform,
        known: Known<'_>,
    ) -> Result<Resolved, RegistryError> {
        let name = reference.to_string();
        let malformed = |reason: String| RegistryError::Malformed {
            reference: reference.to_string(),
            host: endpoint.name.clone(),
            reason,
        };
        let (digest, mut bytes, mut document) =
            self.manifest(endpoint, &name, &reference.target(), reference.digest()).await?;
        if let Some(resolved) = known(digest).await {
            return Ok(Resolved { reference: reference.clone(), ..resolved });
        }
        let mut manifest_digest = digest;
        let mut indexed = false;
        for _ in 0..MAX_DEPTH {
            let Document::Index(index) = &document else { break };
            indexed = true;
            let wanted = index.select(platform).ok_or_else(|| RegistryError::NoPlatform {
                reference: name.clone(),
                platform: platform.clone(),
                available: index.platforms(),
            })?;
            let wanted = wanted.digest;
            (manifest_digest, bytes, document) =
                self.manifest(endpoint, &name, &wanted.to_string(), Some(wanted)).await?;
        }
        let Document::Manifest(manifest) = document else {
            return Err(malformed(format!("indexes nested deeper than {MAX_DEPTH}")));
        };
        if !manifest.is_image() {
            return Err(malformed(format!(
                "this is not a container image but an artifact ({})",
                manifest.config.media_type
            )));
        }
        let config_bytes = self.fetch_config(endpoint, reference, &manifest).await?;
        let config = ImageConfig::from_json(&config_bytes).map_err(|error| malformed(error.to_string()))?;
        // An index has said what the manifest is for; without one, the configuration does.
        let found = &config.platform;
        let says_nothing = found.os.is_empty() || found.architecture.is_empty();
        if !indexed
            && !says_nothing
            && (&found.os, &found.architecture) != (&platform.os, &platform.architecture)
        {
            let available = vec![found.clone()];
            return Err(RegistryError::NoPlatform { reference: name, platform: platform.clone(), available });
        }
        if config.diff_ids.len() != manifest.layers.len() {
            return Err(malformed(format!(
                "the manifest has {} layers, the configuration {}",
                manifest.layers.len(),
                config.diff_ids.len()
            )));
        }
        Ok(Resolved {
            reference: reference.clone(),
            platform: platform.clone(),
            digest,
            manifest_digest,
            manifest,
            manifest_bytes: bytes,
            config,
            config_bytes,
        })
    }

    async fn fetch_config(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        manifest: &Manifest,
    ) -> Result<Bytes, RegistryError> {
        let download = self.download_at(endpoint, reference, &manifest.config);
        download.whole(MAX_CONFIG).await
    }

    /// Fetches one manifest or index and checks its digest. `target` is a tag or a digest.
    async fn manifest(
        &self,
        endpoint: &Endpoint,
        reference: &str,
        target: &str,
        expected: Option<Sha256Digest>,
    ) -> Result<(Sha256Digest, Bytes, Document), RegistryError> {
        let path = format!("/manifests/{target}");
        let mut call = Call::get(&path, "manifest");
        let accepted = [media::OCI_INDEX, media::OCI_MANIFEST, media::DOCKER_LIST, media::DOCKER_MANIFEST];
        call.headers.push((ACCEPT, accepted.join(", ")));
        let response = self.call(endpoint, reference, call).await?;
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let content_type = header(CONTENT_TYPE.as_str());
        let announced = header("docker-content-digest").parse::<Sha256Digest>().ok();
        let bytes = body_up_to(response, MAX_MANIFEST)
            .await
            .map_err(|failure| failure.into_error("manifest", reference, &endpoint.name, false))?;
        let digest = Sha256Digest::of(&bytes);
        if let Some(expected) = expected.or(announced)
            && expected != digest
        {
            return Err(RegistryError::wrong_digest(reference, &endpoint.name, expected, digest));
        }
        let document = Document::parse(&bytes, &content_type).map_err(|reason| RegistryError::Malformed {
            reference: reference.to_owned(),
            host: endpoint.name.clone(),
            reason,
        })?;
        Ok((digest, bytes, document))
    }
}
