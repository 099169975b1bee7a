//! Every variable that the code reads is in the command's registry, and every one in the registry is read somewhere.

use std::collections::BTreeSet;

use kukri_cli::registry::{Setting, all};

use super::Finding;
use super::masked::{mask, test_items};
use super::reads::{is_name, reads};
use super::repo::Repo;

const REGISTRY: &str = "crates/cli/src/settings/registry.rs";
const TABLES: &str = "crates/cli/src/settings/registry/";

/// Sources of what users run. Scripts, tests and examples have variables of their own.
const SOURCES: &[&str] = &["crates/", "python/dagger/"];

/// What the names of variables begin with that only programs of this sort have: they are settings wherever they stand.
const FAMILIES: &[&str] = &["KUKRI_", "DAGGER_", "_EXPERIMENTAL_", "OTEL_", "XDG_"];

/// Names that only tests of the project use.
const OF_TESTS: &[&str] = &["KUKRI_TEST_", "KUKRI_RANDOM_"];

/// Names that are not in the registry, and entries of it that nothing reads.
pub fn check(repo: &Repo) -> Vec<Finding> {
    compare(repo, &all().copied().collect::<Vec<_>>())
}

fn compare(repo: &Repo, settings: &[Setting]) -> Vec<Finding> {
    let known: BTreeSet<&str> = settings
        .iter()
        .flat_map(|setting| std::iter::once(&setting.name).chain(setting.also))
        .copied()
        .collect();
    let mut findings = BTreeSet::new();
    let mut read = BTreeSet::new();
    for (path, text) in repo.files().filter(|(path, _)| is_source(path)) {
        for found in reads(path, text) {
            let Some(name) = found.name else {
                let what = "which variable is read cannot be told";
                let instead =
                    "name it in the call, or add the function to PASS_ON in xtask/src/tidy/reads.rs";
                findings.insert(Finding::new(path, found.line, what, instead));
                continue;
            };
            if !known.contains(&*name) {
                findings.insert(unknown(path, found.line, &name));
            }
            read.insert(name);
        }
        let tests = if path.ends_with(".rs") { test_items(&mask(text)) } else { Vec::new() };
        let mut offset = 0;
        for (index, line) in text.lines().enumerate() {
            let at = offset;
            offset += line.len() + 1;
            let comment = if path.ends_with(".rs") { "//" } else { "#" };
            for name in literals(line, comment).filter(|name| is_setting(name) || known.contains(name)) {
                if !known.contains(name) && !tests.iter().any(|test| test.contains(&at)) {
                    findings.insert(unknown(path, index + 1, name));
                }
                read.insert(name.to_owned());
            }
        }
    }
    // Other names are looked up through the registry itself.
    for name in settings.iter().map(|setting| setting.name).filter(|name| !read.contains(*name)) {
        findings.insert(Finding::new(
            REGISTRY,
            1,
            format!("nothing reads {name}"),
            "take it out of the table",
        ));
    }
    findings.into_iter().collect()
}

fn unknown(path: &str, line: usize, name: &str) -> Finding {
    let what = format!("{name} is not in the registry of settings");
    Finding::new(path, line, what, format!("add it to {TABLES}"))
}

fn is_source(path: &str) -> bool {
    let code = path.ends_with(".rs") || path.ends_with(".py");
    let tests = path.split('/').any(|part| part == "tests") || path.ends_with("/tests.rs");
    // Programs for developers, and what is run to build.
    let aside = path.contains("/examples/") || path.ends_with("/build.rs");
    // Generated files have names in examples only.
    let generated = path.starts_with("python/dagger/_gen/");
    let table = path == REGISTRY || path.starts_with(TABLES);
    code && !tests && !aside && !generated && !table && SOURCES.iter().any(|start| path.starts_with(start))
}

/// Texts of a line that are in double quotes and are no comment.
fn literals<'a>(line: &'a str, comment: &str) -> impl Iterator<Item = &'a str> {
    let commented = line.trim_start().starts_with(comment);
    line.split('"').skip(1).step_by(2).filter(move |_| !commented)
}

fn is_setting(name: &str) -> bool {
    let family = FAMILIES.iter().any(|start| name.starts_with(start));
    let tests = OF_TESTS.iter().any(|start| name.starts_with(start));
    family && !tests && is_name(name)
}

#[cfg(test)]
mod tests {
    use kukri_cli::registry::find;

    use super::*;

    fn found(files: [(&str, &str); 3]) -> Vec<String> {
        let settings =
            [*find("KUKRI_ROOT").unwrap(), *find("KUKRI_PROGRESS").unwrap(), *find("HOME").unwrap()];
        compare(&Repo::of(files), &settings).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn what_is_read_is_in_the_registry_whatever_its_name() {
        let rust = "fn a() {\n    let desktop = variable(\"DISPLAY\");\n}\nfn b(name: &str) { std::env::var_os(name) }";
        let python =
            "HERE = os.environ[\"HOME\"] or os.getenv(\"PYTHON_NEW\")\nKUKRI = \"KUKRI_ROOT KUKRI_PROGRESS\"";
        let more = ("crates/session/src/b.rs", "\"KUKRI_ROOT\" \"KUKRI_PROGRESS\"");
        assert_eq!(
            found([("crates/session/src/a.rs", rust), ("python/dagger/a.py", python), more]),
            [
                "crates/session/src/a.rs:2: DISPLAY is not in the registry of settings; add it to \
                 crates/cli/src/settings/registry/",
                "crates/session/src/a.rs:4: which variable is read cannot be told; name it in the call, or add the \
                 function to PASS_ON in xtask/src/tidy/reads.rs",
                "python/dagger/a.py:1: PYTHON_NEW is not in the registry of settings; add it to \
                 crates/cli/src/settings/registry/",
            ]
        );
    }

    #[test]
    fn code_and_registry_agree() {
        let python = "x = os.environ.get(\"HOME\")\n# \"KUKRI_COMMENT\"\n";
        let flags = "    #[arg(long, env = \"KUKRI_ROOT\")]\nvariable(\"KUKRI_PROGRESS\");\n\
                     #[cfg(test)]\nmod tests {\n    const A: &str = \"KUKRI_IN_TEST\";\n}\n";
        let other = ("crates/cli/tests/a.rs", "\"KUKRI_OTHER\"");
        let none = Vec::<String>::new();
        assert_eq!(found([("crates/cli/src/a.rs", flags), ("python/dagger/a.py", python), other]), none);
        assert_eq!(
            found([
                ("crates/cli/src/a.rs", "\"KUKRI_ROOT\" \"KUKRI_NEW\""),
                ("python/dagger/a.py", "\"_EXPERIMENTAL_DAGGER_NEW\" \"KUKRI_PROGRESS\""),
                other
            ]),
            [
                "crates/cli/src/a.rs:1: KUKRI_NEW is not in the registry of settings; add it to \
                 crates/cli/src/settings/registry/",
                "crates/cli/src/settings/registry.rs:1: nothing reads HOME; take it out of the table",
                "python/dagger/a.py:1: _EXPERIMENTAL_DAGGER_NEW is not in the registry of settings; add it to \
                 crates/cli/src/settings/registry/",
            ]
        );
    }
}
