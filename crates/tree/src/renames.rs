//! Which removed files came back under another name, as git finds it: equal contents, or at least half equal.

use std::collections::{HashMap, HashSet};

use kukri_model::Digest;

use crate::cancel;
use crate::changes::{Delta, Item};
use crate::lines::{TEXT_LIMIT, is_binary};
use crate::node::{BlobReader, EntryKind, TreeError};

/// Least similarity of a renamed file, in percent.
const THRESHOLD: u64 = 50;

/// Most pairs of files whose contents are compared; with more, only equal contents count.
const MAX_PAIRS: usize = 100_000;

/// Most bytes of contents that are compared, of all files together; the largest files are left out first.
const MAX_BYTES: u64 = 128 << 20;

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
#[derive(Clone, Copy)]
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
    let mut found = equal(deltas, &mut removed, &mut added)?;
    if removed.len().saturating_mul(added.len()) <= MAX_PAIRS {
        found.extend(similar(blobs, &removed, &added)?);
    }
    found.sort_by_key(|rename| rename.new);
    Ok(found)
}

/// Takes pairs of equal contents out of the lists; those with the same base name first.
fn equal(
    deltas: &[Delta],
    removed: &mut Vec<Candidate>,
    added: &mut Vec<Candidate>,
) -> Result<Vec<Rename>, TreeError> {
    let mut by_blob: HashMap<Digest, Vec<usize>> = HashMap::new();
    for candidate in removed.iter() {
        by_blob.entry(candidate.blob).or_default().push(candidate.at);
    }
    let name = |at: usize| crate::path::split(&deltas[at].path).map(|(_, name)| name);
    let mut found: Vec<Rename> = Vec::new();
    let mut ended = Ok(());
    for same_name in [true, false] {
        added.retain(|candidate| {
            // Many files with one content take long.
            ended = ended.clone().and_then(|()| cancel::check());
            if ended.is_err() {
                return true;
            }
            let Some(sources) = by_blob.get_mut(&candidate.blob) else { return true };
            let at = sources.iter().position(|old| !same_name || name(*old) == name(candidate.at));
            let Some(at) = at else { return true };
            found.push(Rename { old: sources.remove(at), new: candidate.at, similarity: 100 });
            false
        });
    }
    ended?;
    let moved: HashSet<usize> = found.iter().map(|rename| rename.old).collect();
    removed.retain(|candidate| !moved.contains(&candidate.at));
    Ok(found)
}

/// Bytes of a content by the hash of the line or piece that they are in, in the order of the hashes.
struct Profile {
    pieces: Vec<(u32, u32)>,
    size: u64,
}

impl Profile {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of a hash is a hash; contents have 128 MiB at most"
    )]
    fn of(content: &[u8]) -> Self {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let lines: Box<dyn Iterator<Item = &[u8]>> = if is_binary(content) {
            Box::new(content.chunks(PIECE))
        } else {
            Box::new(content.split_inclusive(|byte| *byte == b'\n'))
        };
        let mut pieces = Vec::new();
        // Equal ones are added up on the way: a content may have nothing but ends of lines.
        let mut full = 1 << 20;
        for line in lines {
            pieces.push((hasher.hash_one(line) as u32, line.len() as u32));
            if pieces.len() == full {
                add_up(&mut pieces);
                full = full.max(pieces.len() * 2);
            }
        }
        add_up(&mut pieces);
        pieces.shrink_to_fit();
        Self { pieces, size: content.len() as u64 }
    }

    /// How much of the longer one is in both, in percent.
    fn similarity(&self, other: &Self) -> u64 {
        let (mut one, mut two) = (self.pieces.iter().peekable(), other.pieces.iter().peekable());
        let mut common = 0;
        while let (Some((a, left)), Some((b, right))) = (one.peek(), two.peek()) {
            if a == b {
                common += u64::from(*left.min(right));
            }
            let (forward, behind) = (a <= b, b <= a);
            if forward {
                one.next();
            }
            if behind {
                two.next();
            }
        }
        common * 100 / self.size.max(other.size).max(1)
    }
}

fn add_up(pieces: &mut Vec<(u32, u32)>) {
    pieces.sort_unstable_by_key(|(hash, _)| *hash);
    pieces.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
}

/// The smallest files of both lists, as many as may be compared.
fn affordable(mut removed: Vec<Candidate>, mut added: Vec<Candidate>) -> (Vec<Candidate>, Vec<Candidate>) {
    let mut sizes: Vec<u64> = removed.iter().chain(&added).map(|candidate| candidate.size).collect();
    sizes.sort_unstable();
    let mut left = MAX_BYTES;
    let fits = |size: &&u64| left.checked_sub(**size).map(|rest| left = rest).is_some();
    let count = sizes.iter().take_while(fits).count();
    // All or none of those of one size.
    let Some(first_out) = sizes.get(count).copied() else { return (removed, added) };
    removed.retain(|candidate| candidate.size < first_out);
    added.retain(|candidate| candidate.size < first_out);
    (removed, added)
}

fn comparable(one: u64, other: u64) -> bool {
    one.max(other) <= TEXT_LIMIT && one.min(other) * 100 >= one.max(other) * THRESHOLD
}

/// Those of `some` that have a file of about their size among the others. The rest need not be read.
fn near(some: &[Candidate], others: &[Candidate]) -> Vec<Candidate> {
    let has = |one: &&Candidate| others.iter().any(|other| comparable(one.size, other.size));
    some.iter().filter(has).copied().collect()
}

fn similar(
    blobs: &dyn BlobReader,
    removed: &[Candidate],
    added: &[Candidate],
) -> Result<Vec<Rename>, TreeError> {
    let (removed, added) = affordable(near(removed, added), near(added, removed));
    let (removed, added) = (near(&removed, &added), near(&added, &removed));
    let profile = |one: &Candidate| Ok(Profile::of(&blobs.blob(&one.blob)?));
    let old = removed.iter().map(profile).collect::<Result<Vec<_>, TreeError>>()?;
    let new = added.iter().map(profile).collect::<Result<Vec<_>, TreeError>>()?;
    let mut pairs = Vec::new();
    for (from, old) in removed.iter().zip(&old) {
        for (to, new) in added.iter().zip(&new) {
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

    /// Gives contents that are a few lines long for each digest, and counts what was asked for.
    struct Counting(std::cell::RefCell<Vec<Digest>>);

    impl BlobReader for Counting {
        fn blob(&self, digest: &Digest) -> Result<Vec<u8>, TreeError> {
            self.0.borrow_mut().push(*digest);
            Ok(format!("same\n{digest}\n").repeat(3).into_bytes())
        }
    }

    fn large(files: &[(&str, u64)]) -> Vec<Candidate> {
        let each = files.iter().enumerate();
        each.map(|(at, (name, size))| Candidate { at, blob: Digest::of(name.as_bytes()), size: *size })
            .collect()
    }

    #[test]
    fn only_so_many_bytes_are_compared() {
        const MB: u64 = 1 << 20;
        let read = |removed: &[(&str, u64)], added: &[(&str, u64)]| {
            let counting = Counting(std::cell::RefCell::default());
            similar(&counting, &large(removed), &large(added)).unwrap();
            counting.0.into_inner().len()
        };
        assert_eq!(read(&[("a", 64 * MB)], &[("b", 64 * MB)]), 2);
        assert_eq!(read(&[("a", 64 * MB)], &[("b", 64 * MB + 1)]), 0, "too long");
        assert_eq!(read(&[("a", 10)], &[("b", 21)]), 0, "too different");
        // The largest are left out, and those that are left without a partner are not read either.
        let removed = [("a", 60 * MB), ("b", 50 * MB), ("c", 10 * MB), ("d", 1000), ("e", 90)];
        let added = [("f", 60 * MB), ("g", 26 * MB), ("h", 900), ("i", 80)];
        assert_eq!(read(&removed, &added), 6);
        let many: Vec<(String, u64)> = (0..300).map(|at| (at.to_string(), 60 * MB)).collect();
        let many: Vec<(&str, u64)> = many.iter().map(|(name, size)| (&**name, *size)).collect();
        assert_eq!(read(&many[..150], &many[150..]), 0);
    }

    #[test]
    fn equal_lines_are_added_up_on_the_way() {
        let content = b"\n".repeat(5 << 20);
        let profile = Profile::of(&content);
        assert_eq!(profile.pieces.len(), 1);
        assert_eq!(profile.pieces[0].1, 5 << 20);
        let half = Profile::of(&content[..3 << 20]);
        assert_eq!((profile.similarity(&half), half.similarity(&profile)), (60, 60));
    }
}
