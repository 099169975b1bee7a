//! Operations that are not part of their module are silently missing from the API.

use std::collections::BTreeSet;

use super::Finding;
use super::masked::mask;
use super::repo::Repo;

const FOLDER: &str = "crates/engine/src/objects/";

/// Files of `objects/<type>/` that their `mod.rs` does not declare.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _) in repo.ending(".rs") {
        let Some((folder, file)) = path.strip_prefix(FOLDER).and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        // A file, or a folder with its own `mod.rs`.
        let name = file.split_once('/').map_or_else(|| file.trim_end_matches(".rs"), |(name, _)| name);
        if name == "mod" {
            continue;
        }
        let parent = format!("{FOLDER}{folder}/mod.rs");
        let code = repo.text(&parent).map(mask).unwrap_or_default();
        if !declared(&code).contains(name) {
            let what = format!("{path} is not part of the module");
            findings.push(Finding::new(&parent, 1, what, "run `cargo xtask codegen`"));
        }
    }
    findings
}

fn declared(code: &str) -> BTreeSet<&str> {
    code.lines()
        .filter_map(|line| line.trim().strip_suffix(';')?.rsplit_once("mod "))
        .map(|(_, name)| name.strip_prefix("r#").unwrap_or(name).trim())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_files_that_are_left_out() {
        let module = (
            "crates/engine/src/objects/file/mod.rs",
            "//! F.\nmod size;\npub(crate) mod r#name;\n// mod gone;\n",
        );
        let repo = Repo::of([
            module,
            ("crates/engine/src/objects/file/size.rs", ""),
            ("crates/engine/src/objects/file/name.rs", ""),
            ("crates/engine/src/objects/file/gone.rs", ""),
            ("crates/engine/src/objects/mod.rs", ""),
        ]);
        let found: Vec<String> = check(&repo).iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("objects/file/gone.rs is not part"), "{found:?}");
    }
}
