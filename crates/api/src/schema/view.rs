//! Which version of the API a client expects to see.

use std::fmt;

/// A version of the API, as chosen by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    version: [u64; 3],
}

impl View {
    /// The view of a client that asks for none.
    pub const DEFAULT: Self = Self { version: [0, 21, 8] };

    /// The view that `version` (as in `v0.21.8`) names. Texts that are not versions give the default view: clients
    /// without a version of their own send words such as `n/a`.
    #[must_use]
    pub fn of(version: &str) -> Self {
        let number = version.trim().trim_start_matches('v');
        let number = number.split(['-', '+']).next().unwrap_or_default();
        let mut parts = number.split('.').map(str::parse::<u64>);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), patch) => {
                Self { version: [major, minor, patch.and_then(Result::ok).unwrap_or(0)] }
            }
            _ => Self::DEFAULT,
        }
    }

    /// Whether it is older than a version.
    #[must_use]
    pub fn is_before(&self, major: u64, minor: u64, patch: u64) -> bool {
        self.version < [major, minor, patch]
    }

    /// Whether each type has an ID scalar and a `load…FromID` field of its own.
    #[must_use]
    pub fn has_typed_ids(&self) -> bool {
        self.is_before(0, 22, 0)
    }
}

impl Default for View {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.version;
        write!(f, "v{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, shown, typed) in [
            ("v0.21.8", "v0.21.8", true),
            ("0.19", "v0.19.0", true),
            ("v0.22.0", "v0.22.0", false),
            ("v1.0.0-beta.11", "v1.0.0", false),
            ("", "v0.21.8", true),
            ("n/a", "v0.21.8", true),
        ] {
            let view = View::of(text);
            assert_eq!((view.to_string().as_str(), view.has_typed_ids()), (shown, typed), "{text}");
        }
    }
}
