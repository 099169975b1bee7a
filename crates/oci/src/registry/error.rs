//! What can go wrong with a registry, and what to do then.

use kukri_model::Platform;

use crate::digest::Sha256Digest;

/// A request to a registry failed. Every variant names what was asked for and the host that was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No connection: refused, name not resolved, TLS, timeout.
    #[error("cannot reach registry {host} for {reference}: {reason}; {hint}")]
    Unreachable {
        /// What was asked for.
        reference: String,
        /// Who was asked.
        host: String,
        /// Why.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The registry wants other credentials.
    #[error("{host} refuses access to {reference}: {reason}; {hint}")]
    Unauthorized {
        /// What was asked for.
        reference: String,
        /// Who was asked.
        host: String,
        /// The registry's words.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is no such repository, tag, manifest or blob.
    #[error(
        "{host} has no {what} {reference}: not found; check the name and the tag (a private image is also reported as missing: give credentials)"
    )]
    NotFound {
        /// Manifest or blob.
        what: &'static str,
        /// What was asked for.
        reference: String,
        /// Who was asked.
        host: String,
    },
    /// What came has another digest or size than asked for.
    #[error(
        "{host} sent other content than asked for by {reference}: expected {expected}, got {actual}; the registry or mirror is damaged, or something on the way changed the content"
    )]
    WrongDigest {
        /// What was asked for.
        reference: String,
        /// Who was asked.
        host: String,
        /// Digest (or size) that was asked for.
        expected: String,
        /// Digest (or size) of what came.
        actual: String,
    },
    /// The registry answered with an unexpected status.
    #[error("{host} answered {status} for {reference}: {reason}")]
    Status {
        /// What was asked for.
        reference: String,
        /// Who was asked.
        host: String,
        /// HTTP status.
        status: u16,
        /// The registry's words.
        reason: String,
    },
    /// The answer cannot be understood.
    #[error("{host} sent an invalid answer for {reference}: {reason}")]
    Malformed {
        /// What was asked for.
        reference: String,
        /// Who was asked.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// The image exists, but not for this platform.
    #[error("{reference} has no image for platform {platform}; available: {}", list(.available))]
    NoPlatform {
        /// What was asked for.
        reference: String,
        /// The platform that was asked for.
        platform: Platform,
        /// Those that are there.
        available: Vec<Platform>,
    },
    /// Credentials could not be had.
    #[error("no credentials for {host} ({reference}): {reason}")]
    Credentials {
        /// What was asked for.
        reference: String,
        /// Who was asked.
        host: String,
        /// The provider's words.
        reason: String,
    },
    /// The settings of the client are not valid.
    #[error("registry settings: {0}")]
    Config(String),
    /// Every mirror and the registry itself failed.
    #[error("{last} (before that, mirrors failed: {})", .mirrors.join("; "))]
    AllFailed {
        /// The error of the registry itself.
        last: Box<RegistryError>,
        /// The errors of the mirrors.
        mirrors: Vec<String>,
    },
}

impl RegistryError {
    /// The error of the registry itself, without the mirrors' ones.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::AllFailed { last, .. } => last.root(),
            other => other,
        }
    }

    /// Whether the same request may succeed later.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429 || *status == 408,
            _ => false,
        }
    }

    pub(crate) fn wrong_digest(
        reference: &str,
        host: &str,
        expected: Sha256Digest,
        actual: Sha256Digest,
    ) -> Self {
        Self::WrongDigest {
            reference: reference.to_owned(),
            host: host.to_owned(),
            expected: expected.to_string(),
            actual: actual.to_string(),
        }
    }
}

/// An image reference could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("failed to resolve image {reference:?} (platform: \"{platform}\"): {source}")]
pub struct ResolveError {
    /// The canonical reference.
    pub reference: String,
    /// The platform.
    pub platform: Platform,
    /// Why.
    #[source]
    pub source: Box<RegistryError>,
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "none".to_owned();
    }
    platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", ")
}
