//! Every Rust file says first what it is for, and every crate what it must not know.

use super::Finding;
use super::repo::Repo;

/// Rust files that do not open with `//!`, and libraries whose header does not say what they must not know.
pub fn check(repo: &Repo) -> Vec<Finding> {
    repo.ending(".rs").filter_map(|(path, text)| finding(path, text)).collect()
}

fn finding(path: &str, text: &str) -> Option<Finding> {
    if !text.starts_with("//! ") {
        let help = "open it with a `//!` line that says what it is for";
        return Some(Finding::new(path, 1, "the file has no header", help));
    }
    let is_crate = path.starts_with("crates/") && path.ends_with("/src/lib.rs");
    let mut header = text.lines().take_while(|line| line.starts_with("//!"));
    if is_crate && !header.any(|line| line.contains("ust not know")) {
        let help = "say in it what the crate must not know";
        return Some(Finding::new(path, 1, "the crate's header has no border", help));
    }
    None
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

    #[test]
    fn wants_a_border_for_each_crate() {
        let repo = Repo::of([
            ("crates/a/src/lib.rs", "//! A.\nfn must_not_know() {} // must not know"),
            ("crates/b/src/lib.rs", "//! B.\n//! Must not know: a.\n"),
            ("xtask/src/lib.rs", "//! C.\n"),
        ]);
        let files: Vec<String> = check(&repo).into_iter().map(|finding| finding.file).collect();
        assert_eq!(files, ["crates/a/src/lib.rs"]);
    }
}
