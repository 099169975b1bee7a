//! Comparing two trees.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use crate::cancel;
use crate::node::{Entry, EntryKind, Meta, Node, NodeReader, TreeError, TreeId};
use crate::path;
use crate::sealed::{Sealed, Sealer};
use crate::walk::PathRoom;

/// What counts as equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Equality {
    /// Everything but modification times.
    #[default]
    Content,
    /// Everything.
    Stored,
}

/// What happened to a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Only in the later tree.
    Added,
    /// In both, but different; for a directory: its own mode, owner or attributes.
    Modified,
    /// Only in the earlier tree.
    Removed,
}

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Clean path.
    pub path: Vec<u8>,
    /// What happened.
    pub kind: ChangeKind,
    /// Whether it is (or was, when removed) a directory.
    pub is_dir: bool,
}

impl Equality {
    /// Whether two trees are the same.
    #[must_use]
    pub fn trees(self, one: &TreeId, other: &TreeId) -> bool {
        match self {
            Self::Content => one.content == other.content,
            Self::Stored => one.stored == other.stored,
        }
    }

    /// Whether the metadata of two directories are the same.
    #[must_use]
    pub fn metas(self, one: &Meta, other: &Meta) -> bool {
        let timeless = |meta: &Meta| Meta { mtime_ns: 0, ..meta.clone() };
        one == other || (self == Self::Content && timeless(one) == timeless(other))
    }

    /// Whether two entries that are not directories are the same. By content, which of a file's names are hard links
    /// does not count: the numbers of link groups differ from one reading of a file system to the next.
    #[must_use]
    pub fn entries(self, one: &EntryKind, other: &EntryKind) -> bool {
        let plain = |kind: &EntryKind| {
            let mut kind = kind.clone();
            if let Some(meta) = kind.meta_mut() {
                meta.mtime_ns = 0;
            }
            if let EntryKind::File { link_group, .. } = &mut kind {
                *link_group = 0;
            }
            kind
        };
        one == other || (self == Self::Content && plain(one) == plain(other))
    }
}

/// Two directories on the way.
struct Frame {
    before: Arc<Node>,
    after: Arc<Node>,
    left: usize,
    right: usize,
    /// Length of their path.
    base: usize,
}

/// What is next in two sorted directories.
pub(crate) enum Step<'a> {
    Left(&'a Entry),
    Right(&'a Entry),
    Both(&'a Entry, &'a Entry),
}

impl<'a> Step<'a> {
    /// The entry of the earlier directory and that of the later one.
    pub(crate) const fn sides(&self) -> (Option<&'a Entry>, Option<&'a Entry>) {
        match self {
            Self::Left(old) => (Some(old), None),
            Self::Right(new) => (None, Some(new)),
            Self::Both(old, new) => (Some(old), Some(new)),
        }
    }
}

/// Takes the next entry of each of two sorted directories, and of both where the names are equal.
pub(crate) fn step<'a>(
    before: &'a Node,
    after: &'a Node,
    left: &mut usize,
    right: &mut usize,
) -> Option<Step<'a>> {
    let step = match (before.entries.get(*left), after.entries.get(*right)) {
        (None, None) => return None,
        (Some(old), None) => Step::Left(old),
        (None, Some(new)) => Step::Right(new),
        (Some(old), Some(new)) => match old.name.cmp(&new.name) {
            Ordering::Less => Step::Left(old),
            Ordering::Greater => Step::Right(new),
            Ordering::Equal => Step::Both(old, new),
        },
    };
    *left += usize::from(!matches!(step, Step::Right(_)));
    *right += usize::from(!matches!(step, Step::Left(_)));
    Some(step)
}

/// All differences, in walk order. A removed directory is one change; an added one is followed by all that is in it.
/// Where a directory replaces something else or the other way round, the removal comes first. Equal subtrees cost
/// nothing.
///
/// # Errors
/// [`TreeError::Invalid`] for too many changes, and the reader's.
pub fn compare(
    reader: &dyn NodeReader,
    before: &TreeId,
    after: &TreeId,
    equality: Equality,
) -> Result<Vec<Change>, TreeError> {
    let (mut changes, mut room) = (Vec::new(), PathRoom::default());
    if equality.trees(before, after) {
        return Ok(changes);
    }
    let nothing = Arc::new(Node::empty());
    let enter =
        |before: Arc<Node>, after: Arc<Node>, base: usize| Frame { before, after, left: 0, right: 0, base };
    let (old, new) = (reader.node(&before.stored)?, reader.node(&after.stored)?);
    if !equality.metas(&old.meta, &new.meta) {
        changes.push(Change { path: Vec::new(), kind: ChangeKind::Modified, is_dir: true });
    }
    let mut path = Vec::new();
    let mut stack = vec![enter(old, new, 0)];
    while let Some(Frame { before, after, left, right, base }) = stack.last_mut() {
        cancel::check()?;
        path.truncate(*base);
        let Some(step) = step(before, after, left, right) else {
            stack.pop();
            continue;
        };
        let (old, new) = step.sides();
        path::push(&mut path, old.or(new).map_or(b"", |entry| &entry.name));
        let mut note = |kind, is_dir| {
            room.take_change(path.len(), 0)?;
            changes.push(Change { path: path.clone(), kind, is_dir });
            Ok::<_, TreeError>(())
        };
        match (old.map(|entry| &entry.kind), new.map(|entry| &entry.kind)) {
            (Some(EntryKind::Dir(old)), Some(EntryKind::Dir(new))) => {
                if !equality.trees(old, new) {
                    let (old, new) = (reader.node(&old.stored)?, reader.node(&new.stored)?);
                    if !equality.metas(&old.meta, &new.meta) {
                        note(ChangeKind::Modified, true)?;
                    }
                    stack.push(enter(old, new, path.len()));
                }
            }
            (Some(old), Some(new)) if !is_dir(old) && !is_dir(new) => {
                if !equality.entries(old, new) {
                    note(ChangeKind::Modified, false)?;
                }
            }
            (old, new) => {
                if let Some(old) = old {
                    note(ChangeKind::Removed, is_dir(old))?;
                }
                if let Some(new) = new {
                    note(ChangeKind::Added, is_dir(new))?;
                }
                if let Some(EntryKind::Dir(new)) = new {
                    let new = reader.node(&new.stored)?;
                    stack.push(enter(Arc::clone(&nothing), new, path.len()));
                }
            }
        }
    }
    Ok(changes)
}

const fn is_dir(kind: &EntryKind) -> bool {
    matches!(kind, EntryKind::Dir(_))
}

/// The tree of what is new or changed in `after`, times apart. Removals are not expressed. Directories on the way have
/// the metadata of `after`. Without any change it is the plain empty directory.
///
/// # Errors
/// The reader's.
pub fn diff_tree(reader: &dyn NodeReader, before: &TreeId, after: &TreeId) -> Result<Sealed, TreeError> {
    struct Level {
        pair: (TreeId, TreeId),
        frame: Frame,
        name: Box<[u8]>,
        kept: Vec<Entry>,
    }
    let equality = Equality::Content;
    if equality.trees(before, after) {
        return Ok(Sealed::empty());
    }
    let mut sealer = Sealer::default();
    // A pair of directories may be met often, and gives the same every time: none without a change.
    let mut known: HashMap<(TreeId, TreeId), Option<TreeId>> = HashMap::new();
    let enter = |old: &TreeId, new: &TreeId, name: &[u8]| -> Result<Level, TreeError> {
        cancel::check()?;
        let (before, after) = (reader.node(&old.stored)?, reader.node(&new.stored)?);
        Ok(Level {
            pair: (*old, *new),
            frame: Frame { before, after, left: 0, right: 0, base: 0 },
            name: name.into(),
            kept: Vec::new(),
        })
    };
    let mut stack = vec![enter(before, after, b"")?];
    loop {
        let level = stack.last_mut().expect("the root is left last");
        let Frame { before, after, left, right, .. } = &mut level.frame;
        match step(before, after, left, right) {
            Some(Step::Left(_)) => {}
            Some(Step::Right(new)) => level.kept.push(new.clone()),
            Some(Step::Both(old, new)) => match (&old.kind, &new.kind) {
                (EntryKind::Dir(old), EntryKind::Dir(inner)) => match known.get(&(*old, *inner)) {
                    _ if equality.trees(old, inner) => {}
                    Some(Some(id)) => {
                        level.kept.push(Entry { name: new.name.clone(), kind: EntryKind::Dir(*id) });
                    }
                    Some(None) => {}
                    None => {
                        let inner = enter(old, inner, &new.name)?;
                        stack.push(inner);
                    }
                },
                (old, kind) => {
                    if is_dir(old) || is_dir(kind) || !equality.entries(old, kind) {
                        level.kept.push(new.clone());
                    }
                }
            },
            None => {
                let Level { pair, frame, name, kept } = stack.pop().expect("it was just there");
                let changed = !kept.is_empty() || !equality.metas(&frame.before.meta, &frame.after.meta);
                let node = Node { meta: frame.after.meta.clone(), entries: kept };
                let id = changed.then(|| sealer.seal(&node));
                known.insert(pair, id);
                match (stack.last_mut(), id) {
                    (Some(parent), Some(id)) => parent.kept.push(Entry { name, kind: EntryKind::Dir(id) }),
                    (Some(_), None) => {}
                    (None, Some(id)) => return Ok(sealer.finish(id)),
                    (None, None) => return Ok(Sealed::empty()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::edit::{CopyOptions, Editor};
    use crate::memory::Memory;
    use crate::testing::{Item, dir, file, link, model, paths, random_items, tree};

    fn changes(memory: &Memory, before: &TreeId, after: &TreeId) -> Vec<String> {
        let sign = |kind| match kind {
            ChangeKind::Added => '+',
            ChangeKind::Modified => '~',
            ChangeKind::Removed => '-',
        };
        let text = |change: &Change| {
            format!(
                "{}{}{}",
                sign(change.kind),
                path::text(&change.path),
                if change.is_dir { "/" } else { "" }
            )
        };
        compare(memory, before, after, Equality::Content).unwrap().iter().map(text).collect()
    }

    #[test]
    fn every_kind_of_change() {
        let memory = Memory::new();
        let before = tree(
            &memory,
            &[
                ("gone/x", file("1")),
                ("kept/same", file("2")),
                ("kept/text", file("3")),
                ("mode", Item::Dir(Meta::new(0o700))),
                ("swap", file("4")),
                ("back/x", file("5")),
            ],
        );
        let after = tree(
            &memory,
            &[
                ("kept/same", file("2")),
                ("kept/text", file("other")),
                ("mode", dir()),
                ("new/deep/x", file("6")),
                ("swap/x", file("7")),
                ("back", link("kept")),
            ],
        );
        assert_eq!(
            changes(&memory, &before, &after),
            [
                "-back/",
                "+back",
                "-gone/",
                "~kept/text",
                "~mode/",
                "+new/",
                "+new/deep/",
                "+new/deep/x",
                "-swap",
                "+swap/",
                "+swap/x",
            ]
        );
        let diff = diff_tree(&memory, &before, &after).unwrap();
        let diff = memory.put(&diff).unwrap();
        assert_eq!(
            paths(&memory, &diff),
            ["back", "kept/", "kept/text", "mode/", "new/", "new/deep/", "new/deep/x", "swap/", "swap/x"]
        );
    }

    #[test]
    fn times_and_removals_alone() {
        let memory = Memory::new();
        let before = tree(&memory, &[("a/x", file("1")), ("a/y", file("2"))]);
        let mut editor = Editor::new(&memory, Some(before)).unwrap();
        editor.set_times(5).unwrap();
        let touched = memory.put(&editor.finish().unwrap()).unwrap();
        assert!(changes(&memory, &before, &touched).is_empty());
        assert_eq!(compare(&memory, &before, &touched, Equality::Stored).unwrap().len(), 4);
        assert_eq!(diff_tree(&memory, &before, &touched).unwrap(), Sealed::empty());

        let fewer = tree(&memory, &[("a/x", file("1"))]);
        assert_eq!(changes(&memory, &before, &fewer), ["-a/y"]);
        assert_eq!(diff_tree(&memory, &before, &fewer).unwrap(), Sealed::empty());
    }

    proptest! {
        #[test]
        fn applying_the_changes_gives_the_later_tree(one in random_items(), other in random_items()) {
            let memory = Memory::new();
            let (before, after) = (tree(&memory, &one), tree(&memory, &other));
            let wanted = model(&memory, &after);

            // Removals by `compare`, the rest by `diff_tree`.
            let mut editor = Editor::new(&memory, Some(before)).unwrap();
            for change in compare(&memory, &before, &after, Equality::Content).unwrap() {
                if change.kind == ChangeKind::Removed {
                    editor.remove(&change.path).unwrap();
                }
            }
            let diff = memory.put(&diff_tree(&memory, &before, &after).unwrap()).unwrap();
            editor.merge("", &diff, CopyOptions::default()).unwrap();
            let result = memory.put(&editor.finish().unwrap()).unwrap();
            prop_assert_eq!(model(&memory, &result), wanted);
            prop_assert_eq!(result.content, after.content);
        }

        #[test]
        fn what_compare_says_is_what_two_listings_say(one in random_items(), other in random_items()) {
            let memory = Memory::new();
            let (before, after) = (tree(&memory, &one), tree(&memory, &other));
            let (old, new) = (model(&memory, &before), model(&memory, &after));
            let dirs = |item: Option<&Item>| matches!(item, Some(Item::Dir(_)));
            for change in compare(&memory, &before, &after, Equality::Content).unwrap() {
                let path = path::text(&change.path);
                let (was, is) = (old.get(&path), new.get(&path));
                match change.kind {
                    ChangeKind::Modified => prop_assert!(was.is_some() && is.is_some() && was != is),
                    ChangeKind::Added => prop_assert!(is.is_some() && (was.is_none() || dirs(was) != dirs(is))),
                    ChangeKind::Removed => prop_assert!(was.is_some() && (is.is_none() || dirs(was) != dirs(is))),
                }
            }
        }
    }
}
