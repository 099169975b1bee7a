//! What documents point at exists: paths, links, make targets.

use super::Finding;
use super::repo::Repo;

/// Directories of the repository; what starts with one of them and stands in backticks is a path.
const TOP: &[&str] =
    &["bench/", "crates/", "docs/", "examples/", "python/", "schema/", "scripts/", "tests/", "xtask/"];

/// Dead paths in Markdown and in the documentation of Rust code; dead links and unknown make targets in Markdown.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".md") {
        let mut code_block = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                code_block = !code_block;
            } else if code_block {
                findings
                    .extend(line.strip_prefix("make ").and_then(|rest| target(repo, path, index + 1, rest)));
            } else {
                findings.extend(spans(line).filter_map(|span| dead_span(repo, path, index + 1, span)));
                findings.extend(links(line).filter_map(|link| dead_link(repo, path, index + 1, link)));
            }
        }
    }
    for (path, text) in repo.ending(".rs") {
        for (index, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            if comment.starts_with("//!") || comment.starts_with("///") {
                findings.extend(spans(comment).filter_map(|span| dead_path(repo, path, index + 1, span)));
            }
        }
    }
    findings
}

/// Texts between backticks.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn dead_span(repo: &Repo, file: &str, line: usize, span: &str) -> Option<Finding> {
    match span.strip_prefix("make ") {
        Some(rest) => target(repo, file, line, rest),
        None => dead_path(repo, file, line, span),
    }
}

fn dead_path(repo: &Repo, file: &str, line: usize, span: &str) -> Option<Finding> {
    if !TOP.iter().any(|top| span.starts_with(top)) || span.contains(char::is_whitespace) {
        return None;
    }
    // `<type>` and `{a,b}` stand for any name.
    let mut pattern = String::new();
    let mut inside = false;
    for letter in span.trim_end_matches(['.', ',', ':']).chars() {
        match letter {
            '<' | '{' => inside = true,
            '>' | '}' => {
                inside = false;
                pattern.push('*');
            }
            _ if inside => {}
            _ => pattern.push(letter),
        }
    }
    (!repo.has(&pattern))
        .then(|| Finding::new(file, line, format!("`{span}` does not exist"), "name what does"))
}

/// Targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn dead_link(repo: &Repo, file: &str, line: usize, link: &str) -> Option<Finding> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { file.to_owned() } else { resolve(file, path) };
    if !repo.has(&target) {
        return Some(Finding::new(file, line, format!("the link to {link} is dead"), "name what exists"));
    }
    let known = heading.is_empty()
        || repo.text(&target).is_some_and(|text| {
            text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading)
        });
    let what = || format!("{target} has no heading for #{heading}");
    (!known).then(|| Finding::new(file, line, what(), "name one that it has"))
}

fn resolve(file: &str, link: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// A heading's anchor, as forges make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

fn target(repo: &Repo, file: &str, line: usize, rest: &str) -> Option<Finding> {
    let name = rest.split_whitespace().find(|word| !word.contains('='))?;
    let there = repo
        .text("Makefile")
        .is_some_and(|text| text.lines().any(|line| line.starts_with(&format!("{name}:"))));
    let what = || format!("the Makefile has no target {name}");
    (!there).then(|| Finding::new(file, line, what(), "name one that it has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let repo = Repo::of([
            ("docs/a/b.md", text),
            ("docs/c.md", "# C: one, two\n## The rest"),
            ("crates/x/src/one/mod.rs", ""),
            ("Makefile", "test: build\n\tcargo test\n"),
        ]);
        check(&repo).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn what_exists_may_be_named() {
        let text = "`crates/x/src/<type>/mod.rs`, `crates/x/`, `docs/*.md`, `scripts`, [c](../c.md#c-one-two)\n\
                    [w](https://example.org/x) [here](#d) `make test`\n# D\n```\nmake A=1 test # x\ncrates/none\n```\n";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn what_does_not_exist_is_found() {
        for (text, part) in [
            ("a\n`crates/y/src`", "docs/a/b.md:2: `crates/y/src` does not exist"),
            ("[c](c.md)", ":1: the link to c.md is dead"),
            ("[c](../c.md#three)", "docs/c.md has no heading for #three"),
            ("`make nothing`", "the Makefile has no target nothing"),
            ("```console\nmake nothing\n```", ":2: the Makefile has no target nothing"),
        ] {
            let found = found(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].contains(part), "{found:?}");
        }
    }

    #[test]
    fn documentation_of_code_counts_too() {
        let repo = Repo::of([("a.rs", "//! See `crates/gone/a.rs`.\nlet a = \"`crates/gone`\";")]);
        assert_eq!(check(&repo).len(), 1);
    }
}
