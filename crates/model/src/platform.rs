//! `os/architecture[/variant]`, parsed and normalised by the rules of the OCI world.

use std::fmt;
use std::str::FromStr;

/// What an image is built for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Platform {
    /// Operating system, `linux`.
    pub os: String,
    /// Architecture in Go's terms: `amd64`, `arm64`, `arm`, …
    pub architecture: String,
    /// Variant of the architecture, such as `v7`; `None` where the architecture's usual one is meant.
    pub variant: Option<String>,
}

/// Systems that may stand alone.
const SYSTEMS: [&str; 8] =
    ["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "illumos", "solaris"];

/// Architectures that may stand alone.
const ARCHITECTURES: [&str; 13] = [
    "amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "ppc64", "s390x", "mips64le", "mips64", "mipsle",
    "mips", "loong64",
];

/// The text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a platform: {0:?} (expected \"os/architecture\" or \"os/architecture/variant\", as in \"linux/amd64\", or one of \
     the two alone)"
)]
pub struct ParsePlatformError(pub String);

impl Platform {
    /// The platform this engine was built for.
    #[must_use]
    pub fn host() -> Self {
        Self::normalised("linux", std::env::consts::ARCH, None)
    }

    /// A platform with aliases resolved: `x86_64` is `amd64`, `aarch64` and `arm64/v8` are `arm64`, `armhf` is `arm/v7`.
    #[must_use]
    pub fn normalised(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = variant.map(str::to_ascii_lowercase).filter(|variant| !variant.is_empty());
        let (architecture, variant) = match (architecture.to_ascii_lowercase().as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", Some("v1") | None) => ("amd64".to_owned(), None),
            ("x86_64" | "x86-64" | "amd64", Some(other)) => ("amd64".to_owned(), Some(other.to_owned())),
            ("i386" | "i686" | "386", _) => ("386".to_owned(), None),
            ("aarch64" | "arm64", Some("8" | "v8") | None) => ("arm64".to_owned(), None),
            ("aarch64" | "arm64", Some(other)) => ("arm64".to_owned(), Some(other.to_owned())),
            ("armhf", _) => ("arm".to_owned(), Some("v7".to_owned())),
            ("armel", _) => ("arm".to_owned(), Some("v6".to_owned())),
            ("arm", None | Some("7")) => ("arm".to_owned(), Some("v7".to_owned())),
            ("arm", Some(digit @ ("5" | "6" | "8"))) => ("arm".to_owned(), Some(format!("v{digit}"))),
            (other, variant) => (other.to_owned(), variant.map(str::to_owned)),
        };
        Self { os, architecture, variant }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        let parts: Vec<&str> = text.split('/').collect();
        let nonsense = || ParsePlatformError(text.to_owned());
        if parts.len() > 3 || !parts.iter().all(|part| valid(part)) {
            return Err(nonsense());
        }
        let [first, rest @ ..] = &parts[..] else { return Err(nonsense()) };
        let Some(architecture) = rest.first() else {
            // Known names only: elsewhere a wrong word would become a system or an architecture that nothing has.
            let host = Self::host();
            let alone = Self::normalised(first, &host.architecture, host.variant.as_deref());
            if SYSTEMS.contains(&&*alone.os) {
                return Ok(alone);
            }
            let alone = Self::normalised(&host.os, first, None);
            return if ARCHITECTURES.contains(&&*alone.architecture) { Ok(alone) } else { Err(nonsense()) };
        };
        Ok(Self::normalised(first, architecture, rest.get(1).copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_resolved() {
        for (text, expected) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("Linux/AMD64", "linux/amd64"),
            ("windows/amd64", "windows/amd64"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn the_rest_is_that_of_the_host() {
        let host = Platform::host();
        assert_eq!("Linux".parse(), Ok(host.clone()));
        assert_eq!("windows".parse::<Platform>().unwrap().architecture, host.architecture);
        for (text, expected) in
            [("x86_64", "linux/amd64"), ("aarch64", "linux/arm64"), ("armhf", "linux/arm/v7")]
        {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "linus", "linux/", "/amd64", "linux/a/b/c", "li nux/amd64"] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }
}
