//! Several changes of trees in one: each side changed a tree of its own, and the result has what all of them did.
//!
//! Files are merged as git does it: what only one side changed is taken, texts that several changed are merged by lines.
//! A top-level `.git` is left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kukri_model::Digest;

use crate::changes::{Item, deltas, deltas_in};
use crate::edit::Editor;
use crate::lines::{Prefer, is_binary, merge};
use crate::node::{BlobReader, EntryKind, Meta, NodeReader, TreeError, TreeId};
use crate::path;
use crate::walk::PathRoom;

/// What to do where two sides changed the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conflicts {
    /// Fail as soon as two sides changed the same file, whatever they did.
    FailEarly,
    /// Fail where the changes cannot be merged.
    Fail,
    /// Leave both between markers. What one side changed and another removed stays; contents that are not text fail.
    Markers,
    /// Take what the earlier side has.
    Ours,
    /// Take what the later side has.
    Theirs,
}

/// What all sides changed.
#[derive(Debug, Default)]
pub struct Combined {
    changes: Changes,
    /// Paths of which it was decided whether they are directories.
    decided: BTreeSet<Vec<u8>>,
    /// Contents that came of merging.
    pub contents: HashMap<Digest, Vec<u8>>,
}

type Changes = BTreeMap<Vec<u8>, Change>;

/// What a path becomes, and what it was.
#[derive(Debug)]
struct Change {
    old: Option<Item>,
    new: Option<Item>,
}

/// Merges the changes of the sides `(before, after)`, the first being the one whose words count most. Merged files get
/// the time `mtime_ns`.
///
/// # Errors
/// [`TreeError::Invalid`] that names all files in conflict, and the readers'.
pub fn combine(
    reader: &dyn NodeReader,
    blobs: &dyn BlobReader,
    sides: &[(TreeId, TreeId)],
    conflicts: Conflicts,
    mtime_ns: i64,
) -> Result<Combined, TreeError> {
    let mut merger = Merger { blobs, conflicts, mtime_ns, all: Combined::default(), failed: Vec::new() };
    let mut room = PathRoom::default();
    for (before, after) in sides {
        let mut theirs: Changes = deltas_in(reader, before, after, &mut room)?
            .into_iter()
            .filter(|delta| delta.path != b".git" && !delta.path.starts_with(b".git/"))
            .map(|delta| (delta.path, Change { old: delta.old, new: delta.new }))
            .collect();
        merger.decide_kinds(&mut theirs);
        for (path, change) in theirs {
            merger.add(path, change)?;
        }
    }
    merger.files_in_the_way_of_directories();
    if merger.failed.is_empty() {
        return Ok(merger.all);
    }
    let named = merger.failed.iter().map(|(path, why)| format!("{} ({why})", path::text(path)));
    Err(TreeError::Invalid(format!("conflict between changesets: {}", named.collect::<Vec<_>>().join(", "))))
}

struct Merger<'a> {
    blobs: &'a dyn BlobReader,
    conflicts: Conflicts,
    mtime_ns: i64,
    all: Combined,
    failed: Vec<(Vec<u8>, &'static str)>,
}

const ADDED: &str = "added in both";
const MODIFIED: &str = "modified in both";
const REMOVED: &str = "modified in one and removed in the other";
const KIND: &str = "of different kinds";

/// Where one side has a file, or anything else that is no directory, and the other a directory that it changed.
fn files_against_directories(files: &Changes, dirs: &Changes) -> Vec<Vec<u8>> {
    let is_changed_dir = |path: &Vec<u8>| {
        matches!(dirs.get(path), Some(Change { new: Some(Item::Dir(_)), .. })) || has_something_in(dirs, path)
    };
    let files = files.iter().filter(|(_, change)| matches!(change.new, Some(Item::Other(_))));
    files.map(|(path, _)| path).filter(|path| is_changed_dir(path)).cloned().collect()
}

/// What changed below a path.
fn below<'a>(changes: &'a Changes, path: &[u8]) -> impl Iterator<Item = (&'a Vec<u8>, &'a Change)> {
    let below = [path, b"/"].concat();
    changes.range(below.clone()..).take_while(move |(path, _)| path.starts_with(&below))
}

fn has_something_in(changes: &Changes, path: &[u8]) -> bool {
    below(changes, path).any(|(_, change)| change.new.is_some())
}

impl Merger<'_> {
    /// Where one side has a file and the other a directory, and one of the sides is preferred: nothing of the other
    /// side's changes there and below counts, what it removed neither.
    fn decide_kinds(&mut self, theirs: &mut Changes) {
        if !matches!(self.conflicts, Conflicts::Ours | Conflicts::Theirs) {
            return;
        }
        let mut places = files_against_directories(&self.all.changes, theirs);
        places.extend(files_against_directories(theirs, &self.all.changes));
        let loser = if self.conflicts == Conflicts::Ours { theirs } else { &mut self.all.changes };
        for place in &places {
            let inside: Vec<_> = below(loser, place).map(|(path, _)| path.clone()).collect();
            for path in inside.iter().chain([place]) {
                loser.remove(path);
            }
        }
        self.all.decided.extend(places);
    }

    fn add(&mut self, path: Vec<u8>, theirs: Change) -> Result<(), TreeError> {
        let Some(ours) = self.all.changes.remove(&path) else {
            self.all.changes.insert(path, theirs);
            return Ok(());
        };
        let new = self.merge(&path, &ours, theirs)?;
        self.all.changes.insert(path, Change { old: ours.old, new });
        Ok(())
    }

    /// What a path becomes that both changed.
    fn merge(&mut self, path: &[u8], ours: &Change, theirs: Change) -> Result<Option<Item>, TreeError> {
        let is_file = |item: &Option<Item>| matches!(item, Some(Item::Other(_)));
        let early = self.conflicts == Conflicts::FailEarly;
        let why = match (&ours.old, &ours.new, &theirs.new) {
            (None, ..) => ADDED,
            (_, Some(_), Some(_)) => MODIFIED,
            _ => REMOVED,
        };
        if early && (is_file(&ours.new) || is_file(&theirs.new)) {
            self.failed.push((path.to_vec(), why));
            return Ok(theirs.new);
        }
        let chosen = match (&ours.new, theirs.new) {
            (None, None) => None,
            (Some(one), Some(other)) if one.same(&other) => Some(other),
            // Of a directory only mode and owner can differ.
            (Some(Item::Dir(one)), Some(Item::Dir(other))) => {
                let base = match &ours.old {
                    Some(Item::Dir(base)) => base,
                    _ => one,
                };
                Some(Item::Dir(self.meta(base, one, &other)))
            }
            // A directory that one side removed stays where the other has something in it; see `apply`.
            (Some(Item::Dir(_)), None) => ours.new.clone(),
            (None, Some(Item::Dir(meta))) => Some(Item::Dir(meta)),
            (
                Some(one @ Item::Other(EntryKind::File { .. })),
                Some(other @ Item::Other(EntryKind::File { .. })),
            ) => self.files(path, ours.old.as_ref(), one, other, why)?,
            (one, other) => {
                let why = if one.is_some() && other.is_some() { KIND } else { REMOVED };
                match self.conflicts {
                    Conflicts::Ours => one.clone(),
                    Conflicts::Theirs => other,
                    Conflicts::Markers if why == REMOVED => one.clone().or(other),
                    _ => {
                        self.failed.push((path.to_vec(), why));
                        other
                    }
                }
            }
        };
        Ok(chosen)
    }

    /// Mode, owner and attributes: what only one side changed.
    fn meta(&self, base: &Meta, one: &Meta, other: &Meta) -> Meta {
        let theirs = self.conflicts == Conflicts::Theirs;
        fn pick<'a, T: PartialEq>(base: &'a T, one: &'a T, other: &'a T, theirs: bool) -> &'a T {
            if one == base || (theirs && other != base) { other } else { one }
        }
        Meta {
            mode: *pick(&base.mode, &one.mode, &other.mode, theirs),
            uid: *pick(&base.uid, &one.uid, &other.uid, theirs),
            gid: *pick(&base.gid, &one.gid, &other.gid, theirs),
            mtime_ns: one.mtime_ns.max(other.mtime_ns),
            xattrs: pick(&base.xattrs, &one.xattrs, &other.xattrs, theirs).clone(),
        }
    }

    /// Merges two regular files.
    fn files(
        &mut self,
        path: &[u8],
        base: Option<&Item>,
        one: &Item,
        other: Item,
        why: &'static str,
    ) -> Result<Option<Item>, TreeError> {
        let (
            Item::Other(EntryKind::File { meta: one_meta, blob: one_blob, .. }),
            Item::Other(EntryKind::File { meta: other_meta, blob: other_blob, size: other_size, .. }),
        ) = (one, &other)
        else {
            return Ok(Some(other));
        };
        let (base_meta, base_blob) = match base {
            Some(Item::Other(EntryKind::File { meta, blob, .. })) => (Some(meta), Some(blob)),
            _ => (None, None),
        };
        let meta = self.meta(base_meta.unwrap_or(one_meta), one_meta, other_meta);
        let file = |blob, size, meta| Some(Item::Other(EntryKind::File { meta, blob, size, link_group: 0 }));
        let one_size = match one {
            Item::Other(EntryKind::File { size, .. }) => *size,
            _ => 0,
        };
        if one_blob == other_blob || Some(other_blob) == base_blob {
            return Ok(file(*one_blob, one_size, meta));
        }
        if Some(one_blob) == base_blob {
            return Ok(file(*other_blob, *other_size, meta));
        }
        let read = |blob: Option<&Digest>| blob.map_or_else(|| Ok(Vec::new()), |blob| self.content(blob));
        let (old, ours, theirs) = (read(base_blob)?, read(Some(one_blob))?, read(Some(other_blob))?);
        let is_binary = [&old, &ours, &theirs].into_iter().any(|content| is_binary(content));
        let prefer = match self.conflicts {
            Conflicts::Ours if is_binary => return Ok(file(*one_blob, one_size, meta)),
            Conflicts::Theirs if is_binary => return Ok(file(*other_blob, *other_size, meta)),
            Conflicts::Ours => Prefer::Ours,
            Conflicts::Theirs => Prefer::Theirs,
            _ => Prefer::Neither,
        };
        if is_binary {
            self.failed.push((path.to_vec(), "binary, and changed in both"));
            return Ok(Some(other));
        }
        let merged = merge(&old, &ours, &theirs, prefer);
        if merged.conflicts > 0 && self.conflicts != Conflicts::Markers {
            self.failed.push((path.to_vec(), why));
            return Ok(Some(other));
        }
        let (blob, size) = (Digest::of(&merged.content), merged.content.len() as u64);
        self.all.contents.insert(blob, merged.content);
        Ok(file(blob, size, Meta { mtime_ns: self.mtime_ns, ..meta }))
    }

    /// A content, which may have come of merging two sides before.
    fn content(&self, blob: &Digest) -> Result<Vec<u8>, TreeError> {
        match self.all.contents.get(blob) {
            Some(content) => Ok(content.clone()),
            None => self.blobs.blob(blob),
        }
    }

    /// One side has a file where another has a directory with something in it.
    fn files_in_the_way_of_directories(&mut self) {
        let changes = &self.all.changes;
        for (path, change) in changes {
            if matches!(change.new, Some(Item::Other(_))) && has_something_in(changes, path) {
                self.failed.push((path.clone(), KIND));
            }
        }
    }
}

impl Combined {
    /// What happened between two trees.
    ///
    /// # Errors
    /// The reader's.
    pub fn between(reader: &dyn NodeReader, before: &TreeId, after: &TreeId) -> Result<Self, TreeError> {
        let changes = deltas(reader, before, after)?
            .into_iter()
            .map(|delta| (delta.path, Change { old: delta.old, new: delta.new }));
        Ok(Self { changes: changes.collect(), ..Self::default() })
    }

    /// Does the changes to a tree. What is removed and not there is no error; a removed directory stays where there is
    /// something in it that no side removed.
    ///
    /// # Errors
    /// The editor's.
    pub fn apply(&self, editor: &mut Editor<'_>) -> Result<(), TreeError> {
        for path in &self.decided {
            let is_dir = match editor.kind(path, crate::lookup::Follow::Parents)? {
                Some(crate::edit::Kind::Dir) => true,
                Some(crate::edit::Kind::Other(_)) => false,
                None => continue,
            };
            let becomes_dir =
                !matches!(self.changes.get(path), Some(Change { new: Some(Item::Other(_)), .. }));
            if is_dir != becomes_dir {
                editor.remove_exactly(path)?;
            }
        }
        // What was in a directory comes after it, so backwards is bottom-up.
        for (path, change) in self.changes.iter().rev() {
            match (&change.old, &change.new) {
                (Some(Item::Dir(_)), None | Some(Item::Other(_))) if editor.is_empty_dir(path)? => {
                    editor.remove_exactly(path)?;
                }
                (Some(Item::Other(_)), None | Some(Item::Dir(_))) => editor.remove_exactly(path)?,
                _ => {}
            }
        }
        for (path, change) in &self.changes {
            match &change.new {
                Some(Item::Dir(meta)) => editor.set_dir(path, meta.clone())?,
                Some(Item::Other(kind)) => {
                    if matches!(
                        editor.kind(path, crate::lookup::Follow::Parents)?,
                        Some(crate::edit::Kind::Dir)
                    ) {
                        return Err(TreeError::IsADirectory(path::text(path)));
                    }
                    editor.put_entry(path, kind.clone())?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::testing::{Item as Given, dir, file, paths, tree};

    struct World(Memory);

    impl World {
        fn tree(&self, files: &[(&'static str, &str)]) -> TreeId {
            let items: Vec<(&str, Given)> = files
                .iter()
                .map(|(path, content)| {
                    self.0.put_blob(content.as_bytes());
                    (path.trim_end_matches('/'), if path.ends_with('/') { dir() } else { file(content) })
                })
                .collect();
            tree(&self.0, &items)
        }

        fn combine(&self, base: &TreeId, sides: &[TreeId], conflicts: Conflicts) -> Result<TreeId, String> {
            let sides: Vec<_> = sides.iter().map(|after| (*base, *after)).collect();
            let combined =
                combine(&self.0, &self.0, &sides, conflicts, 0).map_err(|error| error.to_string())?;
            for content in combined.contents.values() {
                self.0.put_blob(content);
            }
            let mut editor = Editor::new(&self.0, Some(*base)).unwrap();
            combined.apply(&mut editor).map_err(|error| error.to_string())?;
            Ok(self.0.put(&editor.finish().unwrap()).unwrap())
        }

        fn text(&self, tree: &TreeId, path: &str) -> String {
            match crate::lookup(&self.0, tree, path, crate::Follow::All).unwrap().kind {
                crate::FoundKind::Entry(EntryKind::File { blob, .. }) => {
                    String::from_utf8(self.0.blob(&blob).unwrap()).unwrap()
                }
                _ => panic!("not a file"),
            }
        }
    }

    const ALL: [Conflicts; 5] =
        [Conflicts::FailEarly, Conflicts::Fail, Conflicts::Markers, Conflicts::Ours, Conflicts::Theirs];

    #[test]
    fn changes_that_do_not_meet() {
        let world = World(Memory::new());
        let base = world.tree(&[("a", "1"), ("b", "1"), ("dir/c", "1"), ("dir/d", "1")]);
        let ours = world.tree(&[("a", "2"), ("b", "1"), ("dir/c", "1"), ("dir/d", "1"), ("new/x", "1")]);
        let theirs = world.tree(&[("a", "1"), ("dir/d", "3"), ("new/y", "1")]);
        for conflicts in ALL {
            let result = world.combine(&base, &[ours, theirs], conflicts).unwrap();
            assert_eq!(
                paths(&world.0, &result),
                ["a", "dir/", "dir/d", "new/", "new/x", "new/y"],
                "{conflicts:?}"
            );
            assert_eq!((&*world.text(&result, "a"), &*world.text(&result, "dir/d")), ("2", "3"));
        }
    }

    #[test]
    fn lines_of_one_file() {
        let world = World(Memory::new());
        let base = world.tree(&[("f", "1\n2\n3\n4\n5\n")]);
        let ours = world.tree(&[("f", "one\n2\n3\n4\n5\n")]);
        let theirs = world.tree(&[("f", "1\n2\n3\n4\nfive\n")]);
        let third = world.tree(&[("f", "1\n2\nthree\n4\n5\n")]);
        let error = world.combine(&base, &[ours, theirs], Conflicts::FailEarly).unwrap_err();
        assert_eq!(error, "conflict between changesets: f (modified in both)");
        for conflicts in &ALL[1..] {
            let result = world.combine(&base, &[ours, theirs, third], *conflicts).unwrap();
            assert_eq!(world.text(&result, "f"), "one\n2\nthree\n4\nfive\n", "{conflicts:?}");
        }
    }

    #[test]
    fn conflicts() {
        let world = World(Memory::new());
        let base = world.tree(&[("bin", "\0a"), ("gone", "1\n"), ("text", "1\n")]);
        let ours = world.tree(&[("bin", "\0b"), ("gone", "2\n"), ("text", "ours\n"), ("new", "1\n")]);
        let theirs = world.tree(&[("bin", "\0c"), ("text", "theirs\n"), ("new", "2\n")]);
        for conflicts in [Conflicts::FailEarly, Conflicts::Fail] {
            let error = world.combine(&base, &[ours, theirs], conflicts).unwrap_err();
            for path in
                ["bin (", "gone (modified in one and removed in the other)", "new (added in both)", "text ("]
            {
                assert!(error.contains(path), "{error}");
            }
        }
        let error = world.combine(&base, &[ours, theirs], Conflicts::Markers).unwrap_err();
        assert_eq!(error, "conflict between changesets: bin (binary, and changed in both)");

        let mine = world.combine(&base, &[ours, theirs], Conflicts::Ours).unwrap();
        assert_eq!(paths(&world.0, &mine), ["bin", "gone", "new", "text"]);
        assert_eq!((&*world.text(&mine, "bin"), &*world.text(&mine, "text")), ("\0b", "ours\n"));
        let other = world.combine(&base, &[ours, theirs], Conflicts::Theirs).unwrap();
        assert_eq!(paths(&world.0, &other), ["bin", "new", "text"]);
        assert_eq!((&*world.text(&other, "new"), &*world.text(&other, "text")), ("2\n", "theirs\n"));

        let (base, ours, theirs) = (
            world.tree(&[("gone", "1\n"), ("text", "1\n")]),
            world.tree(&[("gone", "2\n"), ("text", "ours\n")]),
            world.tree(&[("text", "theirs\n")]),
        );
        let marked = world.combine(&base, &[ours, theirs], Conflicts::Markers).unwrap();
        assert_eq!(world.text(&marked, "text"), "<<<<<<< ours\nours\n=======\ntheirs\n>>>>>>> theirs\n");
        assert_eq!(world.text(&marked, "gone"), "2\n");
    }

    #[test]
    fn files_and_directories() {
        let world = World(Memory::new());
        let base = world.tree(&[("d/a", "1"), ("empty/", "")]);
        let file_there = world.tree(&[("d", "file"), ("empty/", "")]);
        let more = world.tree(&[("d/a", "1"), ("d/b", "1"), ("empty/x", "1")]);
        let none = world.tree(&[]);
        for conflicts in ALL {
            if !matches!(conflicts, Conflicts::Ours | Conflicts::Theirs) {
                for sides in [[file_there, more], [more, file_there]] {
                    let error = world.combine(&base, &sides, conflicts).unwrap_err();
                    assert!(error.contains("d (of different kinds)"), "{error}");
                }
            }
            // What is removed by one side stays where the other has put something.
            let result = world.combine(&base, &[none, more], conflicts).unwrap();
            assert_eq!(paths(&world.0, &result), ["d/", "d/b", "empty/", "empty/x"], "{conflicts:?}");
        }
        let same = world.combine(&base, &[none, none], Conflicts::FailEarly).unwrap();
        assert!(paths(&world.0, &same).is_empty());
    }

    /// What each side has at `d` is taken as a whole, whichever of file, link and directory it is and was.
    #[test]
    fn preferred_kinds() {
        let world = World(Memory::new());
        let link =
            |target: &'static str| tree(&world.0, &[("d", crate::testing::link(target)), ("k", file("k"))]);
        world.0.put_blob(b"k");
        let dir = world.tree(&[("d/x", "1"), ("d/y", "1"), ("k", "k")]);
        let more = world.tree(&[("d/n/m", "1"), ("d/x", "2"), ("k", "k")]);
        let (one, two) = (world.tree(&[("d", "1"), ("k", "k")]), world.tree(&[("d", "2"), ("k", "k")]));
        let none = world.tree(&[("k", "k")]);
        for (base, ours, theirs) in [
            (dir, one, more),
            (dir, link("k"), more),
            (one, two, more),
            (one, link("k"), more),
            (link("k"), link("x"), more),
            (link("k"), one, more),
            (link("k"), one, link("x")),
            (one, link("k"), two),
            (none, one, more),
            (none, link("k"), more),
            (none, link("k"), one),
        ] {
            for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
                let seen = |sides: &[TreeId], conflicts| {
                    let result = world.combine(&base, sides, conflicts).unwrap();
                    crate::testing::model(&world.0, &result)
                };
                let expected = |tree| crate::testing::model(&world.0, tree);
                assert_eq!(seen(&[ours, theirs], Conflicts::Ours), expected(&ours));
                assert_eq!(seen(&[ours, theirs], Conflicts::Theirs), expected(&theirs));
                // With several sides, the first or the last of them counts.
                assert_eq!(seen(&[ours, theirs, theirs], Conflicts::Ours), expected(&ours));
                assert_eq!(seen(&[ours, ours, theirs], Conflicts::Theirs), expected(&theirs));
                let all = [base, ours, theirs];
                assert_eq!(
                    seen(&all, Conflicts::Ours),
                    expected(&ours),
                    "what did not change does not count"
                );
                for conflicts in [Conflicts::FailEarly, Conflicts::Fail] {
                    let error = world.combine(&base, &all, conflicts).unwrap_err();
                    assert!(error.contains(" d ("), "{error}");
                }
            }
        }
    }

    /// The state before is that of all sides in one, so that a path may be there that a side knows nothing of.
    #[test]
    fn preferred_kinds_of_sides_that_began_differently() {
        let world = World(Memory::new());
        let (dir, more) = (world.tree(&[("d/x", "1")]), world.tree(&[("d/n", "1"), ("d/x", "1")]));
        let (none, one) = (world.tree(&[]), world.tree(&[("d", "1")]));
        for (conflicts, expected) in
            [(Conflicts::Ours, vec!["d"]), (Conflicts::Theirs, vec!["d/", "d/n", "d/x"])]
        {
            let combined = combine(&world.0, &world.0, &[(none, one), (dir, more)], conflicts, 0).unwrap();
            let mut editor = Editor::new(&world.0, Some(dir)).unwrap();
            combined.apply(&mut editor).unwrap();
            let result = world.0.put(&editor.finish().unwrap()).unwrap();
            assert_eq!(paths(&world.0, &result), expected, "{conflicts:?}");
        }
    }

    #[test]
    fn a_repository_is_left_out() {
        let world = World(Memory::new());
        let base = world.tree(&[(".git/index", "1"), (".gitignore", "1")]);
        let ours = world.tree(&[(".git/index", "2"), (".gitignore", "2")]);
        let result = world.combine(&base, &[ours], Conflicts::Fail).unwrap();
        assert_eq!((&*world.text(&result, ".git/index"), &*world.text(&result, ".gitignore")), ("1", "2"));
    }
}
