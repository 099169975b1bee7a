//! Manifests, indexes and descriptors, in the OCI and in Docker's form (they differ only in media types).

use std::collections::BTreeMap;

use kukri_model::Platform;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;

/// Media types as they appear on the wire.
pub mod media {
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image config.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// OCI layer without compression; `+gzip` and `+zstd` are appended.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker image config.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker layer without compression; `.gzip` and `.zstd` are appended.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// What registries answered before 2017; refused with a clear error.
    pub const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1";
}

/// Annotation that names an image within an OCI layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Which family of media types is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MediaTypes {
    /// `application/vnd.oci.…`
    #[default]
    Oci,
    /// `application/vnd.docker.…`
    Docker,
}

impl MediaTypes {
    /// Media type of an index.
    #[must_use]
    pub const fn index(self) -> &'static str {
        match self {
            Self::Oci => media::OCI_INDEX,
            Self::Docker => media::DOCKER_LIST,
        }
    }

    /// Media type of a manifest.
    #[must_use]
    pub const fn manifest(self) -> &'static str {
        match self {
            Self::Oci => media::OCI_MANIFEST,
            Self::Docker => media::DOCKER_MANIFEST,
        }
    }

    /// Media type of an image config.
    #[must_use]
    pub const fn config(self) -> &'static str {
        match self {
            Self::Oci => media::OCI_CONFIG,
            Self::Docker => media::DOCKER_CONFIG,
        }
    }
}

/// Points to a blob or manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its digest.
    pub digest: Sha256Digest,
    /// Its length in bytes.
    pub size: u64,
    /// For manifests in an index: what they are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DescriptorPlatform>,
    /// Free texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A descriptor of `bytes`.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Sha256Digest::of(bytes),
            size: bytes.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// The platform of a manifest in an index.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DescriptorPlatform {
    /// Operating system.
    pub os: String,
    /// Architecture.
    pub architecture: String,
    /// Variant of the architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Version of the operating system (Windows).
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl DescriptorPlatform {
    /// With aliases resolved.
    #[must_use]
    pub fn normalised(&self) -> Platform {
        Platform::normalised(&self.os, &self.architecture, self.variant.as_deref())
    }
}

impl From<&Platform> for DescriptorPlatform {
    fn from(platform: &Platform) -> Self {
        Self {
            os: platform.os.clone(),
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
            os_version: None,
        }
    }
}

/// An image manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// OCI or Docker. Old OCI manifests leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The image config.
    pub config: Descriptor,
    /// Layers, the base first.
    pub layers: Vec<Descriptor>,
    /// Free texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An index: manifests by platform.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// OCI or Docker. Old OCI indexes leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Manifests, or further indexes.
    pub manifests: Vec<Descriptor>,
    /// Free texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// The best manifest for `platform`: the same platform, else the nearest lower variant that runs on it (`arm/v6` on
    /// `arm/v7`, plain `amd64` on `amd64/v3`). Entries without a platform count only if no entry has one.
    #[must_use]
    pub fn select(&self, platform: &Platform) -> Option<&Descriptor> {
        let mut best: Option<(u32, &Descriptor)> = None;
        for descriptor in &self.manifests {
            let Some(rank) =
                descriptor.platform.as_ref().and_then(|found| rank(platform, &found.normalised()))
            else {
                continue;
            };
            // The first of equals wins, as everywhere.
            if best.is_none_or(|(best_rank, _)| rank > best_rank) {
                best = Some((rank, descriptor));
            }
        }
        let anonymous = || {
            let none_has_platform = self.manifests.iter().all(|descriptor| descriptor.platform.is_none());
            self.manifests.first().filter(|_| none_has_platform)
        };
        best.map(|(_, descriptor)| descriptor).or_else(anonymous)
    }

    /// The platforms that images are there for, without duplicates and without attestations (`unknown/unknown`).
    #[must_use]
    pub fn platforms(&self) -> Vec<Platform> {
        let mut platforms = Vec::new();
        for descriptor in &self.manifests {
            let Some(platform) = descriptor.platform.as_ref().map(DescriptorPlatform::normalised) else {
                continue;
            };
            if platform.os != "unknown" && !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        platforms
    }
}

impl Manifest {
    /// Whether this is a container image. Other artifacts (charts, signatures, attestations) have other config types.
    #[must_use]
    pub fn is_image(&self) -> bool {
        matches!(self.config.media_type.as_str(), media::OCI_CONFIG | media::DOCKER_CONFIG)
    }
}

/// A manifest or an index: what a reference may stand for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Document {
    Manifest(Manifest),
    Index(Index),
}

impl Document {
    /// Reads a document. Its own media type goes before `content_type`; without both, its shape decides.
    pub(crate) fn parse(bytes: &[u8], content_type: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            schema_version: Option<u32>,
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        let shape: Shape =
            serde_json::from_slice(bytes).map_err(|error| format!("not a manifest: {error}"))?;
        let media_type = shape.media_type.as_deref().unwrap_or(content_type);
        if shape.schema_version == Some(1) || media_type.starts_with(media::DOCKER_SCHEMA_1) {
            return Err("this image has a manifest of schema version 1, which was given up in 2017; push it again with a \
                current tool"
                .to_owned());
        }
        let is_index = match media_type {
            media::OCI_INDEX | media::DOCKER_LIST => true,
            media::OCI_MANIFEST | media::DOCKER_MANIFEST => false,
            _ => shape.manifests.is_some(),
        };
        let parsed = if is_index {
            serde_json::from_slice(bytes).map(Self::Index)
        } else {
            serde_json::from_slice(bytes).map(Self::Manifest)
        };
        parsed.map_err(|error| format!("not a valid manifest: {error}"))
    }
}

/// How well an image for `found` runs where `wanted` is asked for; `None` if not at all, more is better.
fn rank(wanted: &Platform, found: &Platform) -> Option<u32> {
    if wanted.os != found.os || wanted.architecture != found.architecture {
        return None;
    }
    let (wanted, found) = (variant_level(wanted), variant_level(found));
    match (wanted, found) {
        (Some(wanted), Some(found)) => (found <= wanted).then_some(found),
        // Variants that are no numbers must be the same.
        (wanted, found) => (wanted == found).then_some(0),
    }
}

/// The number in `v7`; of a platform without a variant, that of the architecture's usual one.
fn variant_level(platform: &Platform) -> Option<u32> {
    match (&platform.variant, platform.architecture.as_str()) {
        (Some(variant), _) => variant.strip_prefix('v').and_then(|level| level.parse().ok()),
        (None, "arm64") => Some(8),
        (None, "arm") => Some(7),
        (None, _) => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[&str]) -> Index {
        let manifests = platforms
            .iter()
            .map(|text| {
                let mut descriptor = Descriptor::of(media::OCI_MANIFEST, text.as_bytes());
                let parts: Vec<&str> = text.split('/').collect();
                descriptor.platform = Some(DescriptorPlatform {
                    os: parts[0].to_owned(),
                    architecture: parts[1].to_owned(),
                    variant: parts.get(2).map(|&variant| variant.to_owned()),
                    os_version: None,
                });
                descriptor
            })
            .collect();
        Index { schema_version: 2, media_type: None, manifests, annotations: BTreeMap::new() }
    }

    #[test]
    fn the_best_platform_is_chosen() {
        let all = [
            "linux/amd64",
            "unknown/unknown",
            "linux/arm/v6",
            "linux/arm/v7",
            "linux/arm64/v8",
            "linux/amd64/v2",
        ];
        for (wanted, expected) in [
            ("linux/amd64", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64/v2")),
            ("linux/arm64", Some("linux/arm64/v8")),
            ("linux/arm", Some("linux/arm/v7")),
            ("linux/arm/v6", Some("linux/arm/v6")),
            ("linux/arm/v8", Some("linux/arm/v7")),
            ("linux/arm/v5", None),
            ("linux/s390x", None),
            ("windows/amd64", None),
        ] {
            let index = index(&all);
            let found = index.select(&wanted.parse().unwrap()).map(|descriptor| descriptor.digest);
            assert_eq!(found, expected.map(|text| Sha256Digest::of(text.as_bytes())), "{wanted}");
        }
        let names: Vec<String> = index(&all).platforms().iter().map(Platform::to_string).collect();
        assert_eq!(names, ["linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/amd64/v2"]);
    }

    #[test]
    fn an_index_without_platforms_means_its_first_manifest() {
        let mut index = index(&["linux/amd64"]);
        index.manifests[0].platform = None;
        assert!(index.select(&Platform::host()).is_some());
    }
}
