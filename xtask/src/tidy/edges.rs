//! The table of crates in `ARCHITECTURE.md` against the manifests.

use std::collections::BTreeSet;

use super::Finding;
use super::manifests::{Kind, Manifests};
use super::repo::Repo;

const FILE: &str = "ARCHITECTURE.md";

struct Row<'a> {
    line: usize,
    krate: &'a str,
    may: BTreeSet<&'a str>,
}

/// Differences both ways: edges that are not in the table, rows and edges that no manifest has.
pub fn check(repo: &Repo, manifests: &Manifests) -> Vec<Finding> {
    let rows = table(repo.text(FILE).unwrap_or_default());
    if rows.is_empty() {
        return vec![Finding::new(FILE, 1, "no table with the head `| crate | may depend on |`", "add it")];
    }
    let mut findings = Vec::new();
    for (krate, dependencies) in manifests {
        let Some(place) = rows.iter().position(|row| row.krate == krate) else {
            findings.push(Finding::new(
                FILE,
                rows[0].line,
                format!("{krate} is not in the table"),
                "add a row",
            ));
            continue;
        };
        let row = &rows[place];
        let lower: BTreeSet<&str> = rows[..place].iter().map(|row| row.krate).collect();
        for (to, kind) in dependencies {
            let fits = match kind {
                Kind::Normal => row.may.contains(to.as_str()),
                Kind::Dev => to == "testkit" || to == krate || lower.contains(to.as_str()),
            };
            if !fits {
                let manifest = if krate == "xtask" {
                    "xtask/Cargo.toml".to_owned()
                } else {
                    format!("crates/{krate}/Cargo.toml")
                };
                let line = line_with(repo.text(&manifest).unwrap_or_default(), &format!("kukri-{to}"));
                let what = match kind {
                    Kind::Normal => format!("{krate} depends on {to}, which {FILE} does not allow"),
                    Kind::Dev => format!("tests of {krate} depend on {to}, which is not below it in {FILE}"),
                };
                let instead = "move the code, or pass what is needed as a parameter or trait";
                findings.push(Finding::new(&manifest, line, what, instead));
            }
        }
        for to in &row.may {
            if !dependencies.contains(&((*to).to_owned(), Kind::Normal)) {
                let what = format!("{krate} may depend on {to}, but does not");
                findings.push(Finding::new(FILE, row.line, what, "take it out of the table"));
            }
        }
    }
    for row in rows.iter().filter(|row| !manifests.contains_key(row.krate)) {
        let what = format!("{} is in the table, but not in the workspace", row.krate);
        findings.push(Finding::new(FILE, row.line, what, "take the row out"));
    }
    findings
}

fn table(text: &str) -> Vec<Row<'_>> {
    text.lines()
        .enumerate()
        .skip_while(|(_, line)| *line != "| crate | may depend on |")
        .skip(2)
        .map_while(|(index, line)| {
            let (krate, may) = line.strip_prefix('|')?.strip_suffix('|')?.split_once('|')?;
            Some(Row { line: index + 1, krate: krate.trim(), may: may.split_whitespace().collect() })
        })
        .collect()
}

fn line_with(text: &str, word: &str) -> usize {
    text.lines().position(|line| line.starts_with(word)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "# A\n\n| crate | may depend on |\n|---|---|\n| model | |\n| store | model |\n| oci | store |\n";

    fn found(edges: &[(&str, &[(&str, Kind)])]) -> Vec<String> {
        let manifests = edges
            .iter()
            .map(|(krate, to)| {
                ((*krate).to_owned(), to.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect())
            })
            .collect();
        let repo = Repo::of([
            (FILE, TABLE),
            ("crates/oci/Cargo.toml", "[dependencies]\nkukri-model.workspace = true\n"),
        ]);
        check(&repo, &manifests).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn what_agrees_is_quiet() {
        let edges: &[(&str, &[(&str, Kind)])] = &[
            ("model", &[]),
            ("store", &[("model", Kind::Normal)]),
            ("oci", &[("store", Kind::Normal), ("model", Kind::Dev), ("testkit", Kind::Dev)]),
        ];
        assert_eq!(found(edges), Vec::<String>::new());
    }

    #[test]
    fn names_edges_that_are_too_many_or_too_few() {
        let edges: &[(&str, &[(&str, Kind)])] = &[
            ("model", &[("oci", Kind::Dev)]),
            ("store", &[]),
            ("oci", &[("store", Kind::Normal), ("model", Kind::Normal)]),
            ("new", &[]),
        ];
        let text = found(edges).join("\n");
        for part in [
            "crates/model/Cargo.toml:1: tests of model depend on oci, which is not below it",
            "ARCHITECTURE.md:6: store may depend on model, but does not",
            "crates/oci/Cargo.toml:2: oci depends on model, which ARCHITECTURE.md does not allow",
            "new is not in the table",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let edges: &[(&str, &[(&str, Kind)])] = &[("model", &[]), ("store", &[("model", Kind::Normal)])];
        assert_eq!(found(edges).len(), 1, "oci is gone");
    }
}
