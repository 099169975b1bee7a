//! What of the API of version 0.21.8 this engine serves: facts from its introspection, compared with those of that version.
//!
//! `schema/coverage/v0.21.8.txt` has the facts of that version. `schema/coverage/pending.txt` names what is missing and
//! belongs here all the same; it only ever gets shorter. What is missing or different for good is in [`explained`].

mod explained;
mod facts;
mod page;

use std::collections::BTreeSet;
use std::path::Path;

use explained::{DIFFERENCES, Group};
use facts::Facts;

/// The facts of the version that is compared with.
const TARGET: &str = "schema/coverage/v0.21.8.txt";

/// What is missing.
const PENDING: &str = "schema/coverage/pending.txt";

const PENDING_NOTE: &str = "\
# Types and fields of the API of version 0.21.8 that this engine does not serve yet. The generator removes what is served;
# nothing is ever added.
";

/// The comparison.
pub struct Report {
    target: Facts,
    ours: Facts,
    /// Fields that only give an error, with its text.
    unavailable: Vec<(String, String)>,
    /// Missing, but on the list.
    pending: BTreeSet<String>,
    /// What nothing explains.
    problems: Vec<String>,
}

impl Report {
    /// Compares.
    pub fn new(root: &Path) -> Result<Self, String> {
        let read =
            |path: &str| std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
        let target = Facts::parse(&read(TARGET)?);
        let listed = read(PENDING)?;
        let listed = listed.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let (ours, unavailable) = facts::served()?;
        let mut report = Self { target, ours, unavailable, pending: BTreeSet::new(), problems: Vec::new() };
        report.compare(&listed.map(str::to_owned).collect());
        Ok(report)
    }

    /// `docs/reference/api-coverage.md`.
    pub fn page(&self) -> String {
        page::page(self)
    }

    /// Path and text of the list of what is missing.
    pub fn pending(&self) -> (&'static str, String) {
        let lines: String = self.pending.iter().map(|line| format!("{line}\n")).collect();
        (PENDING, format!("{PENDING_NOTE}{lines}"))
    }

    fn compare(&mut self, listed: &BTreeSet<String>) {
        let mut explained: BTreeSet<&str> = BTreeSet::new();
        for (key, fact) in &self.target.facts {
            let served = self.ours.facts.get(key);
            let same = served
                .is_some_and(|served| served == fact || *served == self.without_missing_args(key, fact));
            if same || self.is_part_of_missing(key) {
                continue;
            }
            if let Some(known) = DIFFERENCES.iter().find(|known| known.subject == key) {
                explained.insert(known.subject);
                if served.map(String::as_str) != known.ours {
                    let now = served.map_or("missing", String::as_str);
                    self.problems.push(format!("{key}: explained as something else than {now:?}"));
                }
            } else if let Some(served) = served {
                self.problems.push(format!("{key}: is {served:?}, must be {fact:?}"));
            } else if listed.contains(key) {
                self.pending.insert(key.clone());
            } else if self.group_of(key).is_none() {
                self.problems.push(format!("{key}: missing"));
            }
        }
        for (key, fact) in &self.ours.facts {
            if self.target.facts.contains_key(key) {
                continue;
            }
            match DIFFERENCES.iter().find(|known| known.subject == key) {
                Some(known) if known.ours == Some(fact) => {
                    explained.insert(known.subject);
                }
                _ => self.problems.push(format!("{key}: is {fact:?}, but is not part of the API")),
            }
        }
        for known in DIFFERENCES.iter().filter(|known| !explained.contains(known.subject)) {
            self.problems.push(format!("{}: is explained, but no different", known.subject));
        }
        for line in listed.difference(&self.pending) {
            self.problems.push(format!(
                "{line}: is listed in {PENDING}, but served or no part of the API (run `cargo xtask codegen`)"
            ));
        }
    }

    /// The fact of a field without those of its arguments that are missing: these are told on their own.
    fn without_missing_args(&self, key: &str, fact: &str) -> String {
        let parts =
            key.strip_prefix("field ").zip(fact.strip_prefix('(').and_then(|rest| rest.split_once(')')));
        let Some((place, (args, rest))) = parts else { return fact.to_owned() };
        let served = |arg: &&str| self.ours.facts.contains_key(&format!("arg {place}.{arg}"));
        format!("({}){rest}", args.split(", ").filter(served).collect::<Vec<_>>().join(", "))
    }

    /// Whether it is a part of something that is missing as a whole and dealt with there.
    fn is_part_of_missing(&self, key: &str) -> bool {
        let missing =
            |whole: &str| self.target.facts.contains_key(whole) && !self.ours.facts.contains_key(whole);
        let (kind, subject) = key.split_once(' ').unwrap_or((key, ""));
        if let Some(of) = subject.strip_suffix("ID").filter(|_| kind == "scalar") {
            return missing(&format!("object {of}")) || missing(&format!("interface {of}"));
        }
        if let Some(of) = subject.strip_prefix("Query.load").and_then(|rest| rest.split_once("FromID")) {
            return missing(&format!("object {}", of.0)) || missing(&format!("interface {}", of.0));
        }
        let Some((whole, _)) = subject.rsplit_once('.') else { return false };
        match kind {
            "arg" if whole.contains('.') => {
                missing(&format!("field {whole}")) || self.is_part_of_missing(&format!("field {whole}"))
            }
            "arg" => missing(&format!("input {whole}")),
            "value" => missing(&format!("enum {whole}")),
            "field" => ["object", "interface"].iter().any(|kind| missing(&format!("{kind} {whole}"))),
            _ => false,
        }
    }

    /// The group by which something that is missing is explained: a type's own, or that of a type that a field needs.
    fn group_of(&self, key: &str) -> Option<&'static Group> {
        let (kind, subject) = key.split_once(' ')?;
        if kind != "field" {
            return explained::group(subject);
        }
        let of_type = explained::group(subject.split('.').next()?);
        let needed = self.target.types_of(subject);
        of_type.or_else(|| needed.into_iter().find_map(explained::group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::explained::GROUPS;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    /// Every type, field, argument, default, nullability, enum value and directive is as in version 0.21.8, or the list
    /// of differences says why not.
    #[test]
    fn the_api_is_that_of_the_version() {
        let report = Report::new(root()).unwrap();
        assert!(report.problems.is_empty(), "{}", report.problems.join("\n"));
        assert!(report.target.facts.len() > 1_700 && report.ours.facts.len() > 300);
    }

    fn compared(change: impl Fn(&mut Facts)) -> Vec<String> {
        let mut report = Report::new(root()).unwrap();
        let listed = std::mem::take(&mut report.pending);
        report.problems.clear();
        change(&mut report.ours);
        report.compare(&listed);
        report.problems
    }

    /// The comparison sees each kind of difference.
    #[test]
    fn differences_are_found() {
        assert!(compared(|_| {}).is_empty());
        for (key, wrong) in [
            ("arg Container.withExec.expand", "Boolean = true"),
            ("arg Container.withExec.args", "[String!]"),
            ("field Container.withExec", "(args) Container!"),
            ("field Directory.withFile", "(source, path, permissions, owner) Directory!"),
            ("field Container.sync", "() ID!"),
            ("value FileType.REGULAR_TYPE", ""),
            ("enum ReturnType", "SUCCESS ANY FAILURE"),
            ("object Container", "Node"),
            ("scalar ContainerIDs", ""),
            ("field Query.loadContainerFromID", "(id) Container"),
            ("directive @expectedType", "(name: String) on FIELD_DEFINITION"),
        ] {
            let problems = compared(|ours| drop(ours.facts.insert(key.to_owned(), wrong.to_owned())));
            assert_eq!(problems.len(), 1, "{key}: {problems:?}");
            assert!(problems[0].starts_with(key), "{problems:?}");
        }
        for key in [
            "arg Container.withExec.expand",
            "value FileType.REGULAR_TYPE",
            "scalar ContainerID",
            "field Query.loadContainerFromID",
            "field Directory.entries",
        ] {
            let problems = compared(|ours| drop(ours.facts.remove(key)));
            assert!(problems.contains(&format!("{key}: missing")), "{key}: {problems:?}");
        }
    }

    #[test]
    fn groups_name_types_of_the_version() {
        let report = Report::new(root()).unwrap();
        for group in GROUPS {
            for name in group.types {
                let kinds = ["object", "enum", "input", "scalar", "interface"];
                let known =
                    kinds.iter().any(|kind| report.target.facts.contains_key(&format!("{kind} {name}")));
                assert!(known, "{name}");
            }
        }
    }
}
