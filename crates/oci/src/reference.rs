//! Image references: `alpine` is `docker.io/library/alpine:latest`.

use std::fmt;
use std::str::FromStr;

use crate::digest::Sha256Digest;

/// The registry that a reference without a host means.
pub const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_NAMESPACE: &str = "library";
const DEFAULT_TAG: &str = "latest";
/// Limit of the distribution specification, host included.
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

/// A complete image reference. `Display` gives the canonical text, which parses to the same reference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Sha256Digest>,
}

/// The text is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid image reference {text:?}: {problem}")]
pub struct ParseReferenceError {
    /// What was given.
    pub text: String,
    /// What is wrong with it, and what to write instead where that is known.
    pub problem: String,
}

impl Reference {
    /// Host of the registry, with a port if one was given: `docker.io`, `localhost:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Path within the registry: `library/alpine`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag. `None` only for references by digest without a tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the reference is pinned.
    #[must_use]
    pub const fn digest(&self) -> Option<Sha256Digest> {
        self.digest
    }

    /// The same reference, pinned to `digest`.
    #[must_use]
    pub fn with_digest(&self, digest: Sha256Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The same repository under another tag, not pinned.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ParseReferenceError> {
        check_tag(tag)
            .map_err(|problem| ParseReferenceError { text: format!("{}:{tag}", self.name()), problem })?;
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// Registry and repository: `docker.io/library/alpine`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// What the registry is asked for: the digest if there is one, else the tag.
    #[must_use]
    pub fn target(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => DEFAULT_TAG.to_owned(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| ParseReferenceError { text: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<Reference, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.trim() != text {
        return Err("it has white space at its start or end".to_owned());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(format!(
            "a reference has no scheme; remove {:?} and write {rest:?}",
            format!("{scheme}://")
        ));
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => {
            let digest = digest.parse::<Sha256Digest>().map_err(|error| error.to_string())?;
            (rest, Some(digest))
        }
        None => (text, None),
    };
    // A colon after the last slash starts the tag; one before it belongs to a port.
    let name_start = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[name_start..].find(':') {
        Some(at) => (&rest[..name_start + at], Some(&rest[name_start + at + 1..])),
        None => (rest, None),
    };
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    let (registry, repository) = split_registry(name)?;
    if registry.len() + 1 + repository.len() > MAX_NAME {
        return Err(format!("the name is longer than {MAX_NAME} characters"));
    }
    for component in repository.split('/') {
        check_component(component)?;
    }
    let tag = match (tag, digest) {
        (Some(tag), _) => Some(tag.to_owned()),
        (None, Some(_)) => None,
        (None, None) => Some(DEFAULT_TAG.to_owned()),
    };
    Ok(Reference { registry, repository, tag, digest })
}

/// The first component is a host if it looks like one: it has a dot or a port, or is `localhost`, or has capitals
/// (which no repository may have).
fn split_registry(name: &str) -> Result<(String, String), String> {
    let host_and_path = name.split_once('/').filter(|(first, _)| {
        first.contains(['.', ':'])
            || *first == "localhost"
            || first.bytes().any(|byte| byte.is_ascii_uppercase())
    });
    let (registry, path) = match host_and_path {
        Some((host, path)) => {
            check_host(host)?;
            (host, path)
        }
        None => (DEFAULT_REGISTRY, name),
    };
    let registry = match registry {
        "index.docker.io" | "registry-1.docker.io" => DEFAULT_REGISTRY,
        other => other,
    };
    let repository = if registry == DEFAULT_REGISTRY && !path.contains('/') {
        format!("{DEFAULT_NAMESPACE}/{path}")
    } else {
        path.to_owned()
    };
    Ok((registry.to_owned(), repository))
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) =
                rest.split_once(']').ok_or_else(|| format!("{host:?} lacks a closing bracket"))?;
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("{address:?} is not an IPv6 address"));
            }
            ("", port.strip_prefix(':').or(if port.is_empty() { None } else { Some(port) }))
        }
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    if let Some(port) = port
        && port.parse::<u16>().is_err()
    {
        return Err(format!("{port:?} is not a port"));
    }
    let label_ok = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if !host.starts_with('[') && !name.split('.').all(label_ok) {
        return Err(format!("{name:?} is not a host name"));
    }
    Ok(())
}

/// Lower-case letters and digits, separated by one `.`, one or two `_`, or any number of `-`.
fn check_component(component: &str) -> Result<(), String> {
    if component.is_empty() {
        return Err("the repository has an empty component (a slash too many?)".to_owned());
    }
    if component.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!(
            "the repository must be lower case: write {:?} instead of {component:?}",
            component.to_ascii_lowercase()
        ));
    }
    let problem = || {
        format!(
            "{component:?} is not a repository name: letters and digits, separated by one \".\", one or two \"_\", or \"-\""
        )
    };
    let mut separator = String::new();
    let mut seen_alphanumeric = false;
    for character in component.chars() {
        if character.is_ascii_alphanumeric() {
            let good = match separator.as_str() {
                "" => true,
                "." | "_" | "__" => seen_alphanumeric,
                other => seen_alphanumeric && other.bytes().all(|byte| byte == b'-'),
            };
            if !good {
                return Err(problem());
            }
            separator.clear();
            seen_alphanumeric = true;
        } else if matches!(character, '.' | '_' | '-') {
            separator.push(character);
        } else {
            return Err(problem());
        }
    }
    if separator.is_empty() { Ok(()) } else { Err(problem()) }
}

fn check_tag(tag: &str) -> Result<(), String> {
    let first_ok = tag.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let rest_ok = tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
    if first_ok && rest_ok && tag.len() <= MAX_TAG {
        return Ok(());
    }
    Err(format!(
        "{tag:?} is not a tag: 1 to {MAX_TAG} letters, digits, \"_\", \".\" and \"-\", not starting with \".\" or \"-\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn canonical_form() {
        for (text, expected) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3.20", "docker.io/library/alpine:3.20"),
            ("library/alpine", "docker.io/library/alpine:latest"),
            ("user/app", "docker.io/user/app:latest"),
            ("docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/alpine", "docker.io/library/alpine:latest"),
            ("registry-1.docker.io/user/app:1", "docker.io/user/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("127.0.0.1:5000/a/b/c:x_Y-1.2", "127.0.0.1:5000/a/b/c:x_Y-1.2"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("ghcr.io/o/a__b.c---d", "ghcr.io/o/a__b.c---d:latest"),
            ("registry:5000/app", "registry:5000/app:latest"),
            ("MyHost/app", "MyHost/app:latest"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), expected);
            assert_eq!(reference.to_string().parse(), Ok(reference));
        }
    }

    #[test]
    fn digests() {
        let reference: Reference = format!("alpine@{D}").parse().unwrap();
        assert_eq!(reference.to_string(), format!("docker.io/library/alpine@{D}"));
        assert_eq!((reference.tag(), reference.target()), (None, D.to_owned()));
        let reference: Reference = format!("localhost:5000/a:1@{D}").parse().unwrap();
        assert_eq!(reference.to_string(), format!("localhost:5000/a:1@{D}"));
        assert_eq!((reference.tag(), reference.target()), (Some("1"), D.to_owned()));
        assert_eq!(
            "a".parse::<Reference>().unwrap().with_digest(Sha256Digest::of(b"")).to_string(),
            format!("docker.io/library/a:latest@{D}")
        );
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (text, part) in [
            ("", "empty"),
            (" alpine", "white space"),
            ("https://ghcr.io/a/b", "no scheme"),
            ("docker.io/Alpine", "lower case: write \"alpine\""),
            ("Alpine", "lower case"),
            ("alpine:", "not a tag"),
            ("alpine:.x", "not a tag"),
            ("a//b", "empty component"),
            ("a/", "empty component"),
            ("-a", "not a repository name"),
            ("a___b", "not a repository name"),
            ("a..b/c", "not a host name"),
            ("host:port/a", "not a port"),
            ("alpine@sha256:12", "not a digest"),
            ("alpine@md5:12", "no other algorithm"),
            ("a b", "not a repository name"),
            ("[::x]/a", "not an IPv6"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        assert!(format!("{}/b", "a".repeat(255)).parse::<Reference>().is_err());
        assert!(format!("a:{}", "t".repeat(129)).parse::<Reference>().is_err());
    }
}
