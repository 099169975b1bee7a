//! Which removed files came back under another name, as git finds it: equal contents, or at least half equal.

use std::collections::{HashMap, HashSet};

use kukri_model::Digest;

use crate::changes::{Delta, Item};
use crate::lines::{TEXT_LIMIT, is_binary};
use crate::node::{BlobReader, EntryKind, TreeError};

/// Least similarity of a renamed file, in percent.
const THRESHOLD: u64 = 50;

/// Most pairs of files whose contents are compared; with more, only equal contents count.
const MAX_PAIRS: usize = 100_000;

/// Longest piece that is compared at once where a content has no lines.
const PIECE: usize = 64;

/// A file under a new name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rename {
    /// Index of the removed file.
    pub old: usize,
    /// Index of the added file.
    pub new: usize,
    /// How much of the content stayed, in percent: 100 for equal contents.
    pub similarity: u64,
}

/// A file that may be one side of a rename.
struct Candidate {
    at: usize,
    blob: Digest,
    size: u64,
}

/// Finds renames among `deltas`: each removed and each added file takes part in one at most. Empty files do not.
///
/// # Errors
/// The reader's.
pub fn renames(blobs: &dyn BlobReader, deltas: &[Delta]) -> Result<Vec<Rename>, TreeError> {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for (at, delta) in deltas.iter().enumerate() {
        match (&delta.old, &delta.new) {
            (Some(Item::Other(EntryKind::File { blob, size, .. })), None) if *size > 0 => {
                removed.push(Candidate { at, blob: *blob, size: *size });
            }
            (None, Some(Item::Other(EntryKind::File { blob, size, .. }))) if *size > 0 => {
                added.push(Candidate { at, blob: *blob, size: *size });
            }
            _ => {}
        }
    }
    let mut found = equal(deltas, &mut removed, &mut added);
    if removed.len().saturating_mul(added.len()) <= MAX_PAIRS {
        found.extend(similar(blobs, removed, added)?);
    }
    found.sort_by_key(|rename| rename.new);
    Ok(found)
}

/// Takes pairs of equal contents out of the lists; those with the same base name first.
fn equal(deltas: &[Delta], removed: &mut Vec<Candidate>, added: &mut Vec<Candidate>) -> Vec<Rename> {
    let mut by_blob: HashMap<Digest, Vec<usize>> = HashMap::new();
    for candidate in removed.iter() {
        by_blob.entry(candidate.blob).or_default().push(candidate.at);
    }
    let name = |at: usize| crate::path::split(&deltas[at].path).map(|(_, name)| name);
    let mut found: Vec<Rename> = Vec::new();
    for same_name in [true, false] {
        added.retain(|candidate| {
            let Some(sources) = by_blob.get_mut(&candidate.blob) else { return true };
            let at = sources.iter().position(|old| !same_name || name(*old) == name(candidate.at));
            let Some(at) = at else { return true };
            found.push(Rename { old: sources.remove(at), new: candidate.at, similarity: 100 });
            false
        });
    }
    let moved: HashSet<usize> = found.iter().map(|rename| rename.old).collect();
    removed.retain(|candidate| !moved.contains(&candidate.at));
    found
}

/// Bytes of a content by the hash of the line or piece that they are in.
struct Profile {
    pieces: HashMap<u64, u64>,
    size: u64,
}

impl Profile {
    fn of(content: &[u8]) -> Self {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let mut pieces = HashMap::new();
        let lines: Box<dyn Iterator<Item = &[u8]>> = if is_binary(content) {
            Box::new(content.chunks(PIECE))
        } else {
            Box::new(content.split_inclusive(|byte| *byte == b'\n'))
        };
        for line in lines {
            *pieces.entry(hasher.hash_one(line)).or_default() += line.len() as u64;
        }
        Self { pieces, size: content.len() as u64 }
    }

    /// How much of the longer one is in both, in percent.
    fn similarity(&self, other: &Self) -> u64 {
        let (less, more) = if self.pieces.len() < other.pieces.len() { (self, other) } else { (other, self) };
        let common: u64 =
            less.pieces.iter().map(|(hash, bytes)| *bytes.min(more.pieces.get(hash).unwrap_or(&0))).sum();
        common * 100 / self.size.max(other.size).max(1)
    }
}

fn similar(
    blobs: &dyn BlobReader,
    removed: Vec<Candidate>,
    added: Vec<Candidate>,
) -> Result<Vec<Rename>, TreeError> {
    let comparable = |one: u64, other: u64| {
        one.max(other) <= TEXT_LIMIT && one.min(other) * 100 >= one.max(other) * THRESHOLD
    };
    let profile = |candidate: &Candidate, others: &[Candidate]| -> Result<Option<Profile>, TreeError> {
        if others.iter().any(|other| comparable(candidate.size, other.size)) {
            return Ok(Some(Profile::of(&blobs.blob(&candidate.blob)?)));
        }
        Ok(None)
    };
    let old = removed.iter().map(|one| profile(one, &added)).collect::<Result<Vec<_>, _>>()?;
    let new = added.iter().map(|one| profile(one, &removed)).collect::<Result<Vec<_>, _>>()?;
    let mut pairs = Vec::new();
    for (from, old) in removed.iter().zip(&old) {
        for (to, new) in added.iter().zip(&new) {
            let (Some(old), Some(new)) = (old, new) else { continue };
            if comparable(from.size, to.size) {
                let similarity = old.similarity(new);
                if similarity >= THRESHOLD {
                    // Contents are not equal, whatever the pieces say.
                    pairs.push(Rename { old: from.at, new: to.at, similarity: similarity.min(99) });
                }
            }
        }
    }
    // The most similar first; the order of the paths decides between equals.
    pairs.sort_by_key(|pair| (std::cmp::Reverse(pair.similarity), pair.new, pair.old));
    let mut found: Vec<Rename> = Vec::new();
    for pair in pairs {
        if found.iter().all(|taken| taken.old != pair.old && taken.new != pair.new) {
            found.push(pair);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::deltas;
    use crate::memory::Memory;
    use crate::path::text;
    use crate::testing::{file, tree};

    fn found(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<(String, String, u64)> {
        let memory = Memory::new();
        let build = |files: &[(&str, &str)]| {
            let items: Vec<_> = files
                .iter()
                .map(|(path, content)| {
                    memory.put_blob(content.as_bytes());
                    (*path, file(content))
                })
                .collect();
            tree(&memory, &items)
        };
        let deltas = deltas(&memory, &build(before), &build(after)).unwrap();
        let renames = renames(&memory, &deltas).unwrap();
        let name = |at: usize| text(&deltas[at].path);
        renames.iter().map(|rename| (name(rename.old), name(rename.new), rename.similarity)).collect()
    }

    #[test]
    fn equal_contents() {
        assert_eq!(found(&[("a", "1\n")], &[("b/c", "1\n")]), [("a".into(), "b/c".into(), 100)]);
        // The one with the same name is taken first; each only once.
        assert_eq!(
            found(&[("x/a", "1\n"), ("x/b", "1\n")], &[("y/b", "1\n"), ("y/c", "1\n"), ("y/d", "1\n")]),
            [("x/b".into(), "y/b".into(), 100), ("x/a".into(), "y/c".into(), 100)]
        );
        assert!(found(&[("a", "")], &[("b", "")]).is_empty());
    }

    #[test]
    fn similar_contents() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n0\n";
        let new = old.replace('5', "five");
        let [(from, to, similarity)] = &found(&[("a", old)], &[("b", &new)])[..] else {
            panic!("one rename")
        };
        assert_eq!((&**from, &**to), ("a", "b"));
        assert!((70..100).contains(similarity), "{similarity}");
        assert!(found(&[("a", old)], &[("b", "something\nelse\n")]).is_empty());
        // A file that is still there is not renamed.
        assert!(found(&[("a", old)], &[("a", old), ("b", &new)]).is_empty());
    }
}
