//! `cargo xtask tidy`: rules of the repository that no compiler checks.
//!
//! Each check is a pure function from what was read ([`Repo`]) to findings, so that tests give it a few lines of text.
//! A rule that needs an exception gets it in `long_files.txt` or with a reason beside the code, never in a check.

mod calls;
mod changelog;
mod docs;
mod edges;
mod gaps;
mod headers;
mod lengths;
mod manifests;
mod masked;
mod objects;
mod reads;
mod repo;
mod settings;
mod suppressions;

use std::fmt;
use std::path::Path;

use repo::Repo;

/// Something that is against a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// Counted from 1.
    line: usize,
    what: String,
    instead: String,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), instead: instead.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}; {}", self.file, self.line, self.what, self.instead)
    }
}

/// Reads the repository and gives all findings as one text, if there are any.
pub fn run() -> Result<(), String> {
    check(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")))
}

fn check(root: &Path) -> Result<(), String> {
    let repo = Repo::read(root)?;
    let manifests = manifests::read(root)?;
    let mut findings: Vec<Finding> = [
        edges::check(&repo, &manifests),
        gaps::check(&repo),
        lengths::check(&repo),
        headers::check(&repo),
        calls::check(&repo),
        docs::check(&repo),
        objects::check(&repo),
        changelog::check(&repo),
        settings::check(&repo),
        suppressions::check(&repo),
    ]
    .into_iter()
    .flatten()
    .collect();
    if findings.is_empty() {
        return Ok(());
    }
    findings.sort();
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    Err(format!("{}\nfound: {}", lines.join("\n"), lines.len()))
}

/// The line, counted from 1, that a byte of a text is on.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count()
}
