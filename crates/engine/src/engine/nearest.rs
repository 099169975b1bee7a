//! Earlier runs to compare a run with: those of the same command, or else of a similar one on the same files.

use kukri_model::{Digest, Encoder};
use kukri_solver::Earlier;
use kukri_store::{ResultSummary, Store};

use crate::vertex::exec::ROOT_PART;

/// Least likeness of two commands of which one is taken for a later form of the other, in per cent. Steps beside each
/// other, as a linter and a type checker on the same files, are less alike; a step with other options is more.
const ALIKE: usize = 50;

/// With how many earlier runs a run is compared.
pub const RUNS: usize = 16;

/// Commands that run on the same root file system share it. `None` for what is no command.
pub fn place(parts: &[(String, Digest)]) -> Option<Digest> {
    let (_, root) = parts.iter().find(|(name, _)| name == ROOT_PART)?;
    Some(Encoder::new("kukri.exec.place.v1").digest(root).finish())
}

/// Earlier runs that a run of step `label` is compared with, well ended or not, latest first: those of the same step, `same`, and where there
/// are none, those on the same root file system whose command is most like it, if one is alike at all.
pub fn earlier(
    store: &Store,
    same: &[ResultSummary],
    parts: &[(String, Digest)],
    label: &str,
    wanted: impl Fn(&ResultSummary) -> bool,
) -> Vec<Earlier> {
    let of = |run: &ResultSummary, other| Earlier { parts: run.inputs.clone(), other, failed: run.failed };
    if same.is_empty() {
        let runs = alike(store, parts, label, wanted);
        return runs.iter().map(|run| of(run, Some(run.label.clone()))).collect();
    }
    same.iter().map(|run| of(run, None)).collect()
}

fn alike(
    store: &Store,
    parts: &[(String, Digest)],
    label: &str,
    wanted: impl Fn(&ResultSummary) -> bool,
) -> Vec<ResultSummary> {
    let Some(place) = place(parts) else { return Vec::new() };
    // Recipes that lead to results; see `link_record`.
    let links = store.nearest(&place, &[], RUNS).unwrap_or_default();
    let mut candidates: Vec<(usize, &Digest)> = links
        .iter()
        .flat_map(|link| &link.inputs)
        .map(|(command, key)| (likeness(command, label), key))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    // Stable: of equals the latest comes first.
    candidates.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    let mut found: Vec<ResultSummary> = Vec::new();
    let mut best = 0;
    for (likeness, key) in candidates {
        if likeness < best {
            break;
        }
        if let Some(run) = store.result_summary(key).ok().flatten().filter(&wanted) {
            best = likeness;
            found.push(run);
        }
    }
    found
}

/// How much of two commands is the same at their beginnings and ends, in per cent; 0 for different programs.
fn likeness(a: &str, b: &str) -> usize {
    let program = |command: &str| command.split(' ').next().unwrap_or_default().to_owned();
    if program(a) != program(b) {
        return 0;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let prefix = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let suffix = a[prefix..].iter().rev().zip(b[prefix..].iter().rev()).take_while(|(a, b)| a == b).count();
    200 * (prefix + suffix) / (a.len() + b.len()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_options_are_alike_and_other_commands_are_not() {
        for (a, b, alike) in [
            ("pytest -q", "pytest -q -x", true),
            ("sh -c 'make all && make test'", "sh -c 'make all && make check'", true),
            ("python -m build --wheel", "python -m build --wheel --outdir /dist", true),
            ("true", "true", true),
            ("ruff check .", "mypy .", false),
            ("sh -c 'apt-get update'", "sh -c 'pip install build'", false),
            ("", "a", false),
        ] {
            assert_eq!(likeness(a, b) >= ALIKE, alike, "{a} {b}: {}", likeness(a, b));
            assert_eq!(likeness(a, b), likeness(b, a));
        }
    }
}
