//! Changes have a place to be written down.

use super::Finding;
use super::repo::Repo;

/// `CHANGELOG.md` without a section for what is not released.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let text = repo.text("CHANGELOG.md").unwrap_or_default();
    if text.lines().any(|line| matches!(line.trim_end(), "## Unreleased" | "## [Unreleased]")) {
        return Vec::new();
    }
    vec![Finding::new("CHANGELOG.md", 1, "no section `## Unreleased`", "add it above the last release")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_the_section() {
        assert_eq!(check(&Repo::of([("CHANGELOG.md", "# Changelog\n\n## Unreleased\n")])).len(), 0);
        assert_eq!(check(&Repo::of([("CHANGELOG.md", "# Changelog\n\n## 0.1.0\n")])).len(), 1);
        assert_eq!(check(&Repo::of([])).len(), 1);
    }
}
