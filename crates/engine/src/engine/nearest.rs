//! Earlier runs to compare a run with: those of the same command, or else of a similar one on the same files.

use kukri_model::{Digest, Encoder};
use kukri_store::{ResultSummary, Store};

use crate::vertex::exec::ROOT_PART;

/// Least likeness of two commands of which one is taken for a later form of the other, in per cent. Steps beside each
/// other, as a linter and a type checker on the same files, are less alike; a step with other options is more.
const ALIKE: usize = 50;

/// Commands that run on the same root file system share it. `None` for what is no command.
pub fn place(parts: &[(String, Digest)]) -> Option<Digest> {
    let (_, root) = parts.iter().find(|(name, _)| name == ROOT_PART)?;
    Some(Encoder::new("kukri.exec.place.v1").digest(root).finish())
}

/// The earlier run on the same root file system whose command is most like `label`, if one is alike at all.
pub fn alike(
    store: &Store,
    parts: &[(String, Digest)],
    label: &str,
    wanted: impl Fn(&ResultSummary) -> bool,
) -> Option<ResultSummary> {
    let place = place(parts)?;
    // Recipes that lead to results; see `link_record`.
    let links = store.nearest(&place).ok()?;
    let mut candidates: Vec<(usize, &Digest)> = links
        .iter()
        .flat_map(|link| &link.inputs)
        .map(|(command, key)| (likeness(command, label), key))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    // Stable: of equals the latest comes first.
    candidates.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    candidates.into_iter().find_map(|(_, key)| store.result_summary(key).ok()?.filter(&wanted))
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
