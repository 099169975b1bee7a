//! Every setting of the command and of the Python package is in the reference, and every one in the reference exists.

use std::collections::BTreeMap;

use super::Finding;
use super::repo::Repo;

const PAGE: &str = "docs/reference/settings.md";
const SOURCES: &[&str] = &["crates/cli/src/", "python/dagger/_"];
const FLAGS: &str = "crates/cli/src/settings.rs";

/// Variables that are read, flags of the engine, and those that the page names without there being any.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let page = repo.text(PAGE).unwrap_or_default();
    let mut variables = BTreeMap::new();
    for (path, text) in repo.files().filter(|(path, _)| is_source(path)) {
        for (index, line) in text.lines().enumerate() {
            for name in read_variables(line) {
                variables.entry(name).or_insert((path, index + 1));
            }
        }
    }
    let flags = flags(repo.text(FLAGS).unwrap_or_default());
    let mut findings = Vec::new();
    for (name, (path, line)) in &variables {
        if !page.contains(&format!("`{name}`")) {
            findings.push(Finding::new(path, *line, format!("{name} is not in {PAGE}"), "describe it there"));
        }
    }
    for (flag, line) in &flags {
        if !page.contains(&format!("`{flag}`")) {
            findings.push(Finding::new(
                FLAGS,
                *line,
                format!("{flag} is not in {PAGE}"),
                "describe it there",
            ));
        }
    }
    for (index, line) in page.lines().enumerate() {
        for name in line.split('`').skip(1).step_by(2).filter(|name| is_variable(name)) {
            if !variables.contains_key(name) {
                let what = format!("nothing reads {name}");
                findings.push(Finding::new(PAGE, index + 1, what, "take it out of the page"));
            }
        }
    }
    findings
}

/// Whether a file can read variables. Generated files have them in examples only.
fn is_source(path: &str) -> bool {
    SOURCES.iter().any(|start| path.starts_with(start)) && !path.starts_with("python/dagger/_gen/")
}

/// What comes right before the name of a variable that is looked up.
const LOOK_UPS: &[&str] = &["variable(\"", "env = \"", "_from_env(\"", "var_os(\"", "environ.get(\""];

/// Names in literals: all that look like ours, and all that are looked up.
fn read_variables(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    let looked_up = LOOK_UPS.iter().flat_map(|start| code.split(start).skip(1));
    let looked_up = looked_up.filter_map(|rest| rest.split('"').next()).filter(|name| is_upper(name));
    code.split('"').skip(1).step_by(2).filter(|name| is_variable(name)).chain(looked_up)
}

fn is_variable(name: &str) -> bool {
    is_upper(name) && (name.starts_with("KUKRI_") || name.starts_with("DAGGER_"))
}

fn is_upper(name: &str) -> bool {
    name.len() > 3
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `--flags` of fields with `#[arg(long…)]`, with their lines.
fn flags(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut attribute = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("#[arg(") {
            attribute = line.contains("long");
        } else if let Some(field) = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": "))
            && std::mem::take(&mut attribute)
        {
            found.push((format!("--{}", field.0.replace('_', "-")), index + 1));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDK: &str = "import os\nos.environ.get(\"KUKRI_SDK\")\n";
    const CODE: &str = "pub struct S {\n    #[arg(long, env = \"KUKRI_ROOT\")]\n    pub root: A,\n    \
                        #[arg(long)]\n    pub max_size: A,\n    pub plain: A,\n}\nvariable(\"XDG_CACHE_HOME\")\n";

    fn found(page: &str) -> Vec<String> {
        check(&Repo::of([
            (FLAGS, CODE),
            ("python/dagger/_a.py", SDK),
            ("python/dagger/_gen/a.py", "variable(\"NAME\")"),
            (PAGE, page),
        ]))
        .iter()
        .map(Finding::to_string)
        .collect()
    }

    #[test]
    fn page_and_code_agree() {
        assert_eq!(
            found("`--root` `KUKRI_ROOT` `--max-size` `XDG_CACHE_HOME` `KUKRI_SDK`"),
            Vec::<String>::new()
        );
        assert_eq!(
            found("`--root` `KUKRI_ROOT`\n`KUKRI_GONE`"),
            [
                "python/dagger/_a.py:2: KUKRI_SDK is not in docs/reference/settings.md; describe it there",
                "crates/cli/src/settings.rs:8: XDG_CACHE_HOME is not in docs/reference/settings.md; describe it there",
                "crates/cli/src/settings.rs:5: --max-size is not in docs/reference/settings.md; describe it there",
                "docs/reference/settings.md:2: nothing reads KUKRI_GONE; take it out of the page",
            ]
        );
    }
}
