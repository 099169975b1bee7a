//! `.gitignore` files, read as git reads them: nested, with negation, anchoring and directory-only patterns.

use std::collections::HashMap;
use std::sync::Arc;

use crate::path;
use pattern::Pattern;

mod pattern;
mod wildcard;

/// The `.gitignore` files of a repository, by directory.
#[derive(Clone, Default, Debug)]
pub struct Gitignores {
    /// Where the paths asked about start, seen from the top of the repository.
    prefix: Vec<u8>,
    /// By directory, seen from the top of the repository.
    files: HashMap<Vec<u8>, Arc<[Pattern]>>,
}

impl Gitignores {
    /// Without files. `prefix` is where the paths start, seen from the top of the repository; clean.
    #[must_use]
    pub fn new(prefix: &[u8]) -> Self {
        Self { prefix: prefix.to_vec(), files: HashMap::new() }
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds the file of the directory `dir`, seen from where paths start. Lines that are not valid mean nothing, as in
    /// git.
    pub fn add(&mut self, dir: &[u8], content: &[u8]) {
        self.add_outer(&self.of_repository(dir), content);
    }

    /// Adds the file of the directory `dir`, seen from the top of the repository.
    pub fn add_outer(&mut self, dir: &[u8], content: &[u8]) {
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        let lines = content.split(|byte| *byte == b'\n');
        let patterns: Arc<[Pattern]> =
            lines.filter_map(|line| Pattern::new(line.strip_suffix(b"\r").unwrap_or(line))).collect();
        if !patterns.is_empty() {
            self.files.insert(dir.to_vec(), patterns);
        }
    }

    /// Whether the entry itself is ignored. The directories above it are not asked: below an ignored directory
    /// everything is ignored, and a walk does not get there.
    #[must_use]
    pub fn ignores(&self, path: &[u8], is_dir: bool) -> bool {
        self.verdict(path, is_dir).unwrap_or(false)
    }

    /// What the nearest file that says something about the entry says: whether it is ignored.
    #[must_use]
    pub fn verdict(&self, path: &[u8], is_dir: bool) -> Option<bool> {
        if self.files.is_empty() {
            return None;
        }
        let full = self.of_repository(path);
        let mut dir = &full[..];
        while let Some((parent, _)) = path::split(dir) {
            dir = parent;
            let Some(file) = self.files.get(dir) else { continue };
            let below = if dir.is_empty() { &full[..] } else { &full[dir.len() + 1..] };
            if let Some(last) = file.iter().rfind(|pattern| pattern.matches(below, is_dir)) {
                return Some(!last.negated);
            }
        }
        None
    }

    /// Whether the entry or a directory above it is ignored.
    #[must_use]
    pub fn ignores_deeply(&self, path: &[u8], is_dir: bool) -> bool {
        let parents = (0..path.len()).filter(|at| path[*at] == b'/');
        parents.map(|at| &path[..at]).any(|parent| self.ignores(parent, true)) || self.ignores(path, is_dir)
    }

    fn of_repository(&self, path: &[u8]) -> Vec<u8> {
        match (self.prefix.is_empty(), path.is_empty()) {
            (true, _) => path.to_vec(),
            (_, true) => self.prefix.clone(),
            _ => [&self.prefix[..], path].join(&b'/'),
        }
    }
}

#[cfg(test)]
mod tests;
