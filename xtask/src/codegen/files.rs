//! The files that are written, or compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes files, or finds out which are stale.
pub struct Output<'a> {
    root: &'a Path,
    check: bool,
    written: BTreeSet<PathBuf>,
    stale: Vec<String>,
}

impl<'a> Output<'a> {
    /// Below `root`. With `check`, nothing is written.
    pub fn new(root: &'a Path, check: bool) -> Self {
        Self { root, check, written: BTreeSet::new(), stale: Vec::new() }
    }

    /// The folder of the project.
    pub fn root(&self) -> &'a Path {
        self.root
    }

    /// A file that must have this text. Files that have it are left alone, with their times.
    pub fn file(&mut self, path: &str, text: &str) -> Result<(), String> {
        let full = self.root.join(path);
        self.written.insert(full.clone());
        if fs::read_to_string(&full).is_ok_and(|present| present == text) {
            return Ok(());
        }
        self.stale.push(path.to_owned());
        if self.check {
            return Ok(());
        }
        if let Some(folder) = full.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::write(&full, text).map_err(|error| format!("{path}: {error}"))
    }

    /// Removes the files of a folder with this extension that were not written.
    pub fn only(&mut self, folder: &str, extension: &str) -> Result<(), String> {
        let full = self.root.join(folder);
        let Ok(entries) = fs::read_dir(&full) else { return Ok(()) };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|found| found != extension) || self.written.contains(&path) {
                continue;
            }
            self.stale.push(format!("{folder}/{}", entry.file_name().display()));
            if !self.check {
                fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Whether something was written. With `check`, stale files are an error that names them.
    pub fn finish(self) -> Result<bool, String> {
        if self.check && !self.stale.is_empty() {
            return Err(format!(
                "these generated files are stale (run `cargo xtask codegen`):\n  {}",
                self.stale.join("\n  ")
            ));
        }
        Ok(!self.stale.is_empty())
    }
}
