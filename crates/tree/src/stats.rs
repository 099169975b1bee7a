//! How many lines changed in each file.

use std::collections::{HashMap, HashSet};

use crate::cancel;
use crate::changes::{Delta, Item, deltas, text};
use crate::lines::{TEXT_LIMIT, hunks, is_binary, split};
use crate::node::{BlobReader, EntryKind, NodeReader, TreeError, TreeId};
use crate::path;
use crate::renames::renames;

/// What happened to a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatKind {
    /// A file or directory was added.
    Added,
    /// A file was changed.
    Modified,
    /// A file or directory was removed.
    Removed,
    /// A file has a new name, and perhaps another content.
    Renamed,
}

/// Lines that changed at a path. Binary files have none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiffStat {
    /// The path; of a directory with a trailing `/`.
    pub path: String,
    /// The name before, of a renamed file.
    pub old_path: Option<String>,
    /// What happened.
    pub kind: StatKind,
    /// Lines that are new.
    pub added: u64,
    /// Lines that are gone.
    pub removed: u64,
}

/// What changed between two trees, by path: each file with its lines, and each directory that was added or removed,
/// which has no lines of its own. Times do not count.
///
/// # Errors
/// The readers'.
pub fn diff_stats(
    reader: &dyn NodeReader,
    blobs: &dyn BlobReader,
    before: &TreeId,
    after: &TreeId,
) -> Result<Vec<DiffStat>, TreeError> {
    let deltas = deltas(reader, before, after)?;
    let renames = renames(blobs, &deltas)?;
    let sources: HashMap<usize, usize> = renames.iter().map(|rename| (rename.new, rename.old)).collect();
    let moved: HashSet<usize> = renames.iter().map(|rename| rename.old).collect();
    let mut stats: Vec<DiffStat> = Vec::new();
    for (at, Delta { path, old, new }) in deltas.iter().enumerate() {
        cancel::check()?;
        let mut note = |kind, is_dir, (added, removed), old_path| {
            stats.push(DiffStat { path: text(path, is_dir), old_path, kind, added, removed });
        };
        match (old, new) {
            (Some(Item::Dir(_)), Some(Item::Dir(_))) => continue,
            (Some(Item::Other(one)), Some(Item::Other(other))) => {
                note(StatKind::Modified, false, count(blobs, Some(one), Some(other))?, None);
                continue;
            }
            _ => {}
        }
        match old {
            Some(Item::Dir(_)) => note(StatKind::Removed, true, (0, 0), None),
            Some(Item::Other(kind)) if !moved.contains(&at) => {
                note(StatKind::Removed, false, count(blobs, Some(kind), None)?, None);
            }
            _ => {}
        }
        match (new, sources.get(&at)) {
            (Some(Item::Dir(_)), _) => note(StatKind::Added, true, (0, 0), None),
            (Some(Item::Other(kind)), Some(source)) => {
                let Some(Item::Other(from)) = &deltas[*source].old else { continue };
                let lines = count(blobs, Some(from), Some(kind))?;
                note(StatKind::Renamed, false, lines, Some(path::text(&deltas[*source].path)));
            }
            (Some(Item::Other(kind)), None) => {
                note(StatKind::Added, false, count(blobs, None, Some(kind))?, None);
            }
            (None, _) => {}
        }
    }
    stats.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(stats)
}

/// Added and removed lines from one content to another.
fn count(
    blobs: &dyn BlobReader,
    old: Option<&EntryKind>,
    new: Option<&EntryKind>,
) -> Result<(u64, u64), TreeError> {
    let content = |kind: Option<&EntryKind>| match kind {
        Some(EntryKind::File { size, .. }) if *size > TEXT_LIMIT => Ok(None),
        Some(EntryKind::File { blob, .. }) => blobs.blob(blob).map(Some),
        Some(EntryKind::Symlink { target, .. }) => Ok(Some(target.to_vec())),
        _ => Ok(Some(Vec::new())),
    };
    let same = matches!((old, new), (Some(EntryKind::File { blob: one, .. }), Some(EntryKind::File { blob: other, .. })) if one == other);
    if same {
        return Ok((0, 0));
    }
    let (Some(old), Some(new)) = (content(old)?, content(new)?) else { return Ok((0, 0)) };
    if is_binary(&old) || is_binary(&new) {
        return Ok((0, 0));
    }
    if old.is_empty() || new.is_empty() {
        return Ok((split(&new).len() as u64, split(&old).len() as u64));
    }
    let lines = hunks(&old, &new);
    let sum = |of: fn(&crate::lines::Hunk) -> usize| lines.iter().map(of).sum::<usize>() as u64;
    Ok((sum(|hunk| hunk.after.len()), sum(|hunk| hunk.before.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::testing::{Item, dir, file, tree};

    fn stored(memory: &Memory, content: &str) -> Item {
        memory.put_blob(content.as_bytes());
        file(content)
    }

    #[test]
    fn every_kind() {
        let memory = Memory::new();
        let of = |content: &str| stored(&memory, content);
        let long = "1\n2\n3\n4\n5\n6\n";
        let before = tree(
            &memory,
            &[
                ("binary", of("a\0b")),
                ("edited", of("1\n2\n3\n")),
                ("gone/deep/a", of("1\n2\n")),
                ("gone/b", of("1")),
                ("old name", of(long)),
                ("swap", of("x\n")),
            ],
        );
        let after = tree(
            &memory,
            &[
                ("binary", of("a\0c")),
                ("edited", of("1\nzwei\n3\n4\n")),
                ("empty/dir", dir()),
                ("new/file", of("new\nand\nother\n")),
                ("new name", of(&format!("{long}7\n"))),
                ("swap/in", of("y\n")),
            ],
        );
        let stats = diff_stats(&memory, &memory, &before, &after).unwrap();
        let lines: Vec<_> = stats
            .iter()
            .map(|stat| {
                let old = stat.old_path.as_ref().map_or(String::new(), |old| format!(" from {old}"));
                format!("{:?} {}{old} +{} -{}", stat.kind, stat.path, stat.added, stat.removed)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "Modified binary +0 -0",
                "Modified edited +2 -1",
                "Added empty/ +0 -0",
                "Added empty/dir/ +0 -0",
                "Removed gone/ +0 -0",
                "Removed gone/b +0 -1",
                "Removed gone/deep/ +0 -0",
                "Removed gone/deep/a +0 -2",
                "Renamed new name from old name +1 -0",
                "Added new/ +0 -0",
                "Added new/file +3 -0",
                "Removed swap +0 -1",
                "Added swap/ +0 -0",
                "Added swap/in +1 -0",
            ]
        );
        assert!(diff_stats(&memory, &memory, &after, &after).unwrap().is_empty());
    }
}
