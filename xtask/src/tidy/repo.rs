//! The files of the repository, as git sees them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Texts by path, relative to the root, with `/`; files that are not UTF-8 are there with an empty text.
#[derive(Default)]
pub struct Repo {
    texts: BTreeMap<String, String>,
}

impl Repo {
    /// Reads everything that git tracks or would track.
    pub fn read(root: &Path) -> Result<Self, String> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git: {error}"))?;
        if !output.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut texts = BTreeMap::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            let path = root.join(name);
            // Deleted, but not yet committed as such; or a link, whose target is listed itself.
            if !path.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| format!("{name}: {error}"))?;
            texts.insert(name.to_owned(), String::from_utf8(bytes).unwrap_or_default());
        }
        Ok(Self { texts })
    }

    /// A repository of these files, for tests.
    #[cfg(test)]
    pub fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self { texts: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into() }
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// All files, sorted by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Files of one kind, by the end of their name.
    pub fn ending(&self, end: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(end))
    }

    /// Whether there is a file or directory of this name; `*` stands for any part of one name.
    pub fn has(&self, pattern: &str) -> bool {
        let wanted: Vec<&str> = pattern.trim_end_matches('/').split('/').collect();
        self.texts.keys().any(|path| {
            let mut names = path.split('/');
            wanted.iter().all(|want| names.next().is_some_and(|name| matches(want, name)))
        })
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_files_directories_and_patterns() {
        let repo = Repo::of([("crates/a/src/lib.rs", ""), ("README.md", "")]);
        for there in ["README.md", "crates/a", "crates/a/", "crates/*/src", "crates/*/src/l*b.rs", "*.md"] {
            assert!(repo.has(there), "{there}");
        }
        for missing in ["README", "crates/b", "crates/a/src/lib.rs/x", "crates/*/lib.rs", "*.py"] {
            assert!(!repo.has(missing), "{missing}");
        }
    }
}
