//! Every Rust file says first what it is for.

use super::Finding;
use super::repo::Repo;

/// Rust files that do not open with `//!`.
pub fn check(repo: &Repo) -> Vec<Finding> {
    repo.ending(".rs")
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| {
            Finding::new(
                path,
                1,
                "the file has no header",
                "open it with a `//!` line that says what it is for",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_a_header_with_words() {
        let repo =
            Repo::of([("a.rs", "//! A.\n"), ("b.rs", "use a;\n//! B."), ("c.rs", "//!\n"), ("d.py", "x")]);
        let files: Vec<String> = check(&repo).into_iter().map(|finding| finding.file).collect();
        assert_eq!(files, ["b.rs", "c.rs"]);
    }
}
