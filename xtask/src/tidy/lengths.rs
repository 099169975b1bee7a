//! No file that people write is longer than they can read.

use super::Finding;
use super::repo::Repo;

const LIMIT: usize = 600;
const EXCEPTIONS: &str = "xtask/src/tidy/long_files.txt";

/// Hand-written Rust and Python files over the limit, and exceptions that are none.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let listed: Vec<(usize, &str, &str)> = repo
        .text(EXCEPTIONS)
        .unwrap_or_default()
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let (path, reason) = line.split_once(':').unwrap_or((line, ""));
            (index + 1, path.trim(), reason.trim())
        })
        .collect();
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".rs").chain(repo.ending(".py")) {
        let lines = text.lines().count();
        if lines > LIMIT && !generated(path) && !listed.iter().any(|(_, listed, _)| *listed == path) {
            let what = format!("{lines} lines, {LIMIT} are allowed");
            findings.push(Finding::new(path, LIMIT + 1, what, "cut it where one concern ends"));
        }
    }
    for (line, path, reason) in listed {
        if repo.text(path).is_none_or(|text| text.lines().count() <= LIMIT) {
            let what = format!("{path} needs no exception");
            findings.push(Finding::new(EXCEPTIONS, line, what, "take the line out"));
        } else if reason.is_empty() {
            let what = format!("the exception of {path} has no reason");
            findings.push(Finding::new(EXCEPTIONS, line, what, "write it after a colon"));
        }
    }
    findings
}

fn generated(path: &str) -> bool {
    path.contains("/_gen/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_need_a_reason() {
        let long = "x\n".repeat(601);
        let files = |list| {
            let repo = Repo::of([
                ("a.rs", long.as_str()),
                ("b.rs", "x"),
                ("p/_gen/c.py", long.as_str()),
                ("d.md", long.as_str()),
                (EXCEPTIONS, list),
            ]);
            check(&repo).iter().map(Finding::to_string).collect::<Vec<_>>()
        };
        assert_eq!(files(""), ["a.rs:601: 601 lines, 600 are allowed; cut it where one concern ends"]);
        assert_eq!(files("# list\na.rs: one table"), Vec::<String>::new());
        assert!(files("a.rs:")[0].contains("has no reason"));
        assert!(
            files("a.rs: table\nb.rs: short")[0]
                .starts_with("xtask/src/tidy/long_files.txt:2: b.rs needs no")
        );
    }
}
