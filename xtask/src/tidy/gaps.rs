//! What the API has and the engine does not do is said in the description of the operation, which makes the error and the
//! list in `docs/reference/api-coverage.md`. Errors and arguments that go around it would be on no list.

use super::Finding;
use super::masked::{mask, test_items};
use super::repo::Repo;

const FOLDER: &str = "crates/engine/src/";

/// Words of an error about what cannot be done.
const WORDS: &[&str] =
    &[" yet", "not supported", "not available in this engine", "this engine cannot", "not implemented"];

/// The attributes that say so instead.
const ATTRIBUTES: &[&str] = &["unavailable = \"", "partly = \"", "no_effect = \"", "reason = \""];

/// The argument that is read for all operations at once, where calls are told apart.
const READ_ELSEWHERE: &str = "no_cache: bool";

/// Refusals that are written as plain texts, and arguments that nothing reads.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.ending(".rs").filter(|(path, _)| path.starts_with(FOLDER)) {
        if path.ends_with("tests.rs") {
            continue;
        }
        let code = mask(text);
        let tests = test_items(&code);
        let lines: Vec<&str> = text.lines().collect();
        let mut offset = 0;
        for (index, line) in lines.iter().enumerate() {
            let is_test = tests.iter().any(|range| range.contains(&offset));
            offset += line.len() + 1;
            if is_test || line.trim_start().starts_with("//") {
                continue;
            }
            if WORDS.iter().any(|word| line.contains(word)) && !ATTRIBUTES.iter().any(|of| line.contains(of))
            {
                let what = "an error about what cannot be done, which no list knows";
                let help = "say it with `unavailable` or `partly` in the description of the operation";
                findings.push(Finding::new(path, index + 1, what, help));
            }
            let field =
                lines[index + 1..].iter().map(|line| line.trim()).find(|line| !line.starts_with("#["));
            if line.contains("dead_code") && !field.is_some_and(|field| field.starts_with(READ_ELSEWHERE)) {
                let what = "an argument that nothing reads, which no list knows";
                let help = "give it its meaning, or say `no_effect` or `unavailable` in its `#[arg]`";
                findings.push(Finding::new(path, index + 1, what, help));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_dead_arguments_are_found() {
        let plain = "fn f() {\n    Err(OpError::new(\"pipes are not supported\"))\n}\n";
        let described =
            "#[operation(unavailable = \"services are not supported yet\")]\n// not yet\nstruct S;\n";
        let dead = "struct S {\n    #[expect(dead_code, reason = \"x\")]\n    expand: bool,\n    \
                    #[expect(dead_code, reason = \"x\")]\n    no_cache: bool,\n}\n";
        let test = "#[cfg(test)]\nmod tests {\n    const S: &str = \"not done yet\";\n}\n";
        let repo = Repo::of([
            ("crates/engine/src/objects/a.rs", plain),
            ("crates/engine/src/objects/b.rs", described),
            ("crates/engine/src/objects/c.rs", dead),
            ("crates/engine/src/objects/d.rs", test),
            ("crates/oci/src/e.rs", plain),
        ]);
        let places: Vec<_> = check(&repo).into_iter().map(|finding| (finding.file, finding.line)).collect();
        let wanted = [("crates/engine/src/objects/a.rs", 2), ("crates/engine/src/objects/c.rs", 2)];
        assert_eq!(places, wanted.map(|(file, line)| (file.to_owned(), line)));
    }
}
