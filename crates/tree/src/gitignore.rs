//! `.gitignore` files: nested, with negation, anchoring and directory-only patterns.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::path;

/// The `.gitignore` files of a repository, by directory.
#[derive(Clone, Default, Debug)]
pub struct Gitignores {
    /// Where the paths asked about start, seen from the top of the repository.
    prefix: Vec<u8>,
    /// By directory, seen from the top of the repository.
    files: HashMap<Vec<u8>, Arc<Gitignore>>,
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
        let mut builder = GitignoreBuilder::new("");
        for line in content.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // An invalid line is left out by the builder; git does the same without a word.
            let _ = builder.add_line(None, &String::from_utf8_lossy(line));
        }
        if let Ok(file) = builder.build()
            && !file.is_empty()
        {
            self.files.insert(dir.to_vec(), Arc::new(file));
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
            match file.matched(Path::new(OsStr::from_bytes(below)), is_dir) {
                Match::None => {}
                Match::Ignore(_) => return Some(true),
                Match::Whitelist(_) => return Some(false),
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
mod tests {
    use super::*;

    fn ignored(files: &[(&str, &str)], path: &str) -> bool {
        let mut all = Gitignores::default();
        for (dir, content) in files {
            all.add(dir.as_bytes(), content.as_bytes());
        }
        let is_dir = path.ends_with('/');
        all.ignores_deeply(path.trim_end_matches('/').as_bytes(), is_dir)
    }

    #[test]
    fn one_file() {
        for (content, yes, no) in [
            ("*.log", &["a.log", "x/y/a.log"][..], &["log", "a.logs"][..]),
            ("/a", &["a", "a/b"], &["x/a"]),
            ("a/b", &["a/b"], &["x/a/b"]),
            ("build/", &["build/", "x/build/", "build/x"], &["build"]),
            ("a/**/z", &["a/z", "a/b/c/z"], &["z"]),
            ("# note\n\n*.o\r\n", &["x.o"], &["# note"]),
            ("*\n!keep", &["x"], &["keep"]),
            ("dir/\n!dir/keep", &["dir/keep"], &[]),
            ("\\#x\n\\!y", &["#x", "!y"], &["x"]),
            ("\u{feff}a", &["a"], &[]),
        ] {
            for path in yes {
                assert!(ignored(&[("", content)], path), "{content:?} should ignore {path}");
            }
            for path in no {
                assert!(!ignored(&[("", content)], path), "{content:?} should not ignore {path}");
            }
        }
    }

    #[test]
    fn the_nearest_file_decides() {
        let files = [("", "*.log"), ("keep", "!*.log\n/x")];
        assert!(ignored(&files, "a.log"));
        assert!(!ignored(&files, "keep/a.log"));
        assert!(ignored(&files, "keep/x"));
        assert!(!ignored(&files, "x"));
        assert!(!ignored(&files, "keep/y/x"));
    }

    #[test]
    fn a_walk_that_starts_below_the_top() {
        let mut all = Gitignores::new(b"sub/dir");
        all.add_outer(b"", b"/sub/dir/a\n*.o");
        all.add_outer(b"sub", b"!x.o");
        all.add(b"", b"/b");
        assert!(all.ignores(b"a", false));
        assert!(all.ignores(b"b", false));
        assert!(all.ignores(b"y.o", false));
        assert!(!all.ignores(b"x.o", false));
        assert!(!all.ignores(b"c", false));
    }
}
