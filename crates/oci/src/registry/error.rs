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
    /// Every mirror and the registry itself failed. What tells most comes first.
    #[error("{}", all_failed(last, mirrors))]
    AllFailed {
        /// The error of the registry itself.
        last: Box<RegistryError>,
        /// The errors of the mirrors, in their order.
        mirrors: Vec<RegistryError>,
    },
}

impl RegistryError {
    /// Of several failures the one that tells most: an answer of a mirror where the registry itself was not reached, as
    /// in a closed network; else that of the registry.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::AllFailed { last, mirrors } => {
                leader(last, mirrors).map_or(&**last, |at| &mirrors[at]).root()
            }
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

/// Which mirror's error tells more than that of the registry itself.
fn leader(last: &RegistryError, mirrors: &[RegistryError]) -> Option<usize> {
    matches!(last, RegistryError::Unreachable { .. })
        .then(|| mirrors.iter().rposition(|error| !error.may_pass()))
        .flatten()
}

fn all_failed(last: &RegistryError, mirrors: &[RegistryError]) -> String {
    let leader = leader(last, mirrors);
    let mut text = leader.map_or(last, |at| &mirrors[at]).to_string();
    for (at, error) in mirrors.iter().enumerate() {
        if Some(at) != leader {
            text.push_str(&format!("; before that, a mirror failed: {error}"));
        }
    }
    if leader.is_some()
        && let RegistryError::Unreachable { host, reason, .. } = last
    {
        text.push_str(&format!("; {host} itself was not reached either: {reason}"));
    }
    text
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "none".to_owned();
    }
    platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found(host: &str) -> RegistryError {
        RegistryError::NotFound { what: "manifest", reference: "r".to_owned(), host: host.to_owned() }
    }

    fn unreachable(host: &str) -> RegistryError {
        RegistryError::Unreachable {
            reference: "r".to_owned(),
            host: host.to_owned(),
            reason: "refused".to_owned(),
            hint: "check",
        }
    }

    fn all(last: RegistryError, mirrors: Vec<RegistryError>) -> RegistryError {
        RegistryError::AllFailed { last: Box::new(last), mirrors }
    }

    #[test]
    fn an_answer_comes_before_silence() {
        let closed = all(unreachable("docker.io"), vec![unreachable("m1"), not_found("m2")]);
        let text = closed.to_string();
        assert!(text.starts_with("m2 has no manifest r: not found"), "{text}");
        assert!(
            text.contains("m1 for r") && text.ends_with("docker.io itself was not reached either: refused"),
            "{text}"
        );
        assert!(matches!(closed.root(), RegistryError::NotFound { .. }));
        let open = all(not_found("docker.io"), vec![not_found("m1")]);
        assert!(open.to_string().starts_with("docker.io has no manifest"), "{open}");
        let dark = all(unreachable("docker.io"), vec![unreachable("m1")]);
        assert!(dark.to_string().starts_with("cannot reach registry docker.io"), "{dark}");
    }
}
