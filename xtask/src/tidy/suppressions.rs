//! A check of Python that is switched off for a line has its reason beside it.

use super::Finding;
use super::repo::Repo;

/// What switches a check off, without the names of the rules: that these are there is ruff's to say.
const MARKS: &[&str] = &["# noqa", "# type: ignore", "# pyright: ignore"];

/// Lines of Python files that switch a check off and do not say why.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".py") {
        for (index, line) in text.lines().enumerate() {
            for mark in MARKS.iter().filter(|mark| lacks_reason(line, mark)) {
                let what = format!("`{mark}` without a reason");
                let help = "write the code in another way, or add ` - ` and why this is right here";
                findings.push(Finding::new(path, index + 1, what, help));
            }
        }
    }
    findings
}

fn lacks_reason(line: &str, mark: &str) -> bool {
    line.split_once(mark)
        .is_some_and(|(_, rest)| rest.split_once(" - ").is_none_or(|(_, reason)| reason.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_a_reason() {
        let repo = Repo::of([
            (
                "a.py",
                "x = 1\nx = 1  # noqa: E702\nx = 2  # type: ignore[index] - \nx = 3  # noqa: N801 - the API's\n",
            ),
            ("b.py", "x = 1  # pyright: ignore[reportIndexIssue]"),
            ("c.rs", "// # noqa: X"),
        ]);
        let places: Vec<_> = check(&repo).into_iter().map(|finding| (finding.file, finding.line)).collect();
        assert_eq!(places, [("a.py".to_owned(), 2), ("a.py".to_owned(), 3), ("b.py".to_owned(), 1)]);
    }
}
