//! The directories that an editor has touched.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::cancel;
use crate::edit::Editor;
use crate::edit::map::{Change, Mapped, change_entry};
use crate::lookup::{Follow, Todo};
use crate::node::{Entry, EntryKind, Meta, Node, TreeError, TreeId};
use crate::path;
use crate::sealed::{Sealed, Sealer};
use crate::wire::is_name;

/// Most directories in use at once: a small tree may have more of them than memory holds. They take some 800 MB.
const MAX_OPEN: usize = 1 << 19;

/// Index into [`Editor::dirs`]. A directory always comes after its parent, so going backwards is bottom-up.
pub(super) type Slot = usize;

/// One directory in memory: what it was, and what changed.
pub(super) struct Dir {
    /// The tree that `base` is; none when it is new or `base` was replaced.
    id: Option<TreeId>,
    /// The tree it was read from, which need not be stored again.
    origin: Option<TreeId>,
    /// Children that are not in `changes`.
    base: Arc<Node>,
    pub(super) meta: Meta,
    changes: BTreeMap<Box<[u8]>, Child>,
}

enum Child {
    Entry(EntryKind),
    Open(Slot),
    Gone,
}

/// What is under a name.
pub(super) enum Here {
    Nothing,
    Dir,
    Other(EntryKind),
}

/// Where a path leads.
pub(super) enum Place {
    Dir(Slot),
    Entry(Slot, Box<[u8]>, EntryKind),
}

impl Dir {
    pub(super) fn new(meta: Meta) -> Self {
        Self { id: None, origin: None, base: Arc::new(Node::empty()), meta, changes: BTreeMap::new() }
    }

    pub(super) fn loaded(id: TreeId, node: Arc<Node>) -> Self {
        Self { id: Some(id), origin: Some(id), meta: node.meta.clone(), base: node, changes: BTreeMap::new() }
    }

    fn get(&self, name: &[u8]) -> Option<Result<&EntryKind, Slot>> {
        match self.changes.get(name) {
            Some(Child::Entry(kind)) => Some(Ok(kind)),
            Some(Child::Open(slot)) => Some(Err(*slot)),
            Some(Child::Gone) => None,
            None => self.base.get(name).map(|entry| Ok(&entry.kind)),
        }
    }

    /// Children as they are now, sorted.
    pub(super) fn children(&self) -> impl Iterator<Item = (&[u8], Result<&EntryKind, Slot>)> {
        let mut base = self.base.entries.iter().peekable();
        let mut changes = self.changes.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                let old = base
                    .peek()
                    .is_some_and(|entry| changes.peek().is_none_or(|(name, _)| entry.name < **name));
                if old {
                    return base.next().map(|entry| (&*entry.name, Ok(&entry.kind)));
                }
                let (name, child) = changes.next()?;
                base.next_if(|entry| entry.name == *name);
                match child {
                    Child::Entry(kind) => return Some((&**name, Ok(kind))),
                    Child::Open(slot) => return Some((&**name, Err(*slot))),
                    Child::Gone => {}
                }
            }
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.children().next().is_none()
    }
}

impl Editor<'_> {
    pub(super) fn here(&self, dir: Slot, name: &[u8]) -> Here {
        match self.dirs[dir].get(name) {
            None => Here::Nothing,
            Some(Ok(EntryKind::Dir(_)) | Err(_)) => Here::Dir,
            Some(Ok(kind)) => Here::Other(kind.clone()),
        }
    }

    /// Puts an entry in place of whatever has the name.
    pub(super) fn put(&mut self, dir: Slot, name: &[u8], kind: EntryKind) -> Result<(), TreeError> {
        check_name(name)?;
        self.dirs[dir].changes.insert(name.into(), Child::Entry(kind));
        Ok(())
    }

    pub(super) fn drop_child(&mut self, dir: Slot, name: &[u8]) {
        let dir = &mut self.dirs[dir];
        if dir.base.get(name).is_some() {
            dir.changes.insert(name.into(), Child::Gone);
        } else {
            dir.changes.remove(name);
        }
    }

    pub(super) fn clear(&mut self, dir: Slot) {
        let dir = &mut self.dirs[dir];
        dir.id = None;
        dir.base = Arc::new(Node::empty());
        dir.changes.clear();
    }

    /// Adds a new, empty directory in place of whatever has the name.
    pub(super) fn add_dir(&mut self, dir: Slot, name: &[u8], meta: Meta) -> Result<Slot, TreeError> {
        check_name(name)?;
        self.open(dir, name, Dir::new(meta))
    }

    fn open(&mut self, parent: Slot, name: &[u8], dir: Dir) -> Result<Slot, TreeError> {
        cancel::check()?;
        let slot = self.dirs.len();
        if slot >= MAX_OPEN {
            return Err(TreeError::Invalid(format!(
                "more than {MAX_OPEN} directories would have to be changed one by one; do it for a part of the directory"
            )));
        }
        self.dirs.push(dir);
        self.dirs[parent].changes.insert(name.into(), Child::Open(slot));
        Ok(slot)
    }

    /// Loads the directory with this name, which must be one.
    pub(super) fn enter(&mut self, dir: Slot, name: &[u8]) -> Result<Slot, TreeError> {
        match self.dirs[dir].get(name) {
            Some(Err(slot)) => Ok(slot),
            Some(Ok(EntryKind::Dir(id))) => {
                let id = *id;
                let node = self.node(&id.stored)?;
                self.open(dir, name, Dir::loaded(id, node))
            }
            _ => Err(TreeError::NotADirectory(path::text(name))),
        }
    }

    /// Finds the directory that a clean path leads to, all links followed. With `create`, what is missing is made.
    pub(super) fn find_dir(&mut self, clean: &[u8], create: bool) -> Result<Option<Slot>, TreeError> {
        let mut todo = Todo::new(clean);
        let mut trail = vec![0];
        while let Some(name) = todo.next() {
            let dir = *trail.last().expect("the root stays");
            if &*name == b".." {
                trail.truncate((trail.len() - 1).max(1));
                continue;
            }
            match self.here(dir, &name) {
                Here::Dir => trail.push(self.enter(dir, &name)?),
                Here::Nothing if create => trail.push(self.add_dir(dir, &name, self.new_dir(0o755))?),
                Here::Nothing => return Ok(None),
                Here::Other(EntryKind::Symlink { target, .. }) => {
                    todo.link(&target).map_err(|()| TreeError::TooManyLinks(path::text(clean)))?;
                    if target.starts_with(b"/") {
                        trail.truncate(1);
                    }
                }
                Here::Other(_) => return Err(TreeError::NotADirectory(path::text(clean))),
            }
        }
        Ok(trail.pop())
    }

    /// Finds what a clean path leads to, and its real path.
    pub(super) fn locate(
        &mut self,
        clean: &[u8],
        follow: Follow,
    ) -> Result<Option<(Vec<u8>, Place)>, TreeError> {
        let mut todo = Todo::new(clean);
        let mut trail = vec![0];
        let mut names: Vec<Box<[u8]>> = Vec::new();
        while let Some(name) = todo.next() {
            let dir = *trail.last().expect("the root stays");
            if &*name == b".." {
                names.pop();
                trail.truncate((trail.len() - 1).max(1));
                continue;
            }
            match self.here(dir, &name) {
                Here::Nothing => return Ok(None),
                Here::Dir => {
                    trail.push(self.enter(dir, &name)?);
                    names.push(name);
                }
                Here::Other(EntryKind::Symlink { target, .. })
                    if follow == Follow::All || !todo.is_empty() =>
                {
                    todo.link(&target).map_err(|()| TreeError::TooManyLinks(path::text(clean)))?;
                    if target.starts_with(b"/") {
                        trail.truncate(1);
                        names.clear();
                    }
                }
                Here::Other(kind) if todo.is_empty() => {
                    names.push(name.clone());
                    return Ok(Some((names.join(&b'/'), Place::Entry(dir, name, kind))));
                }
                Here::Other(_) => return Err(TreeError::NotADirectory(path::text(clean))),
            }
        }
        Ok(Some((names.join(&b'/'), Place::Dir(trail.pop().expect("the root stays")))))
    }

    /// Changes the metadata of a directory, and, if asked, of all below it.
    pub(super) fn change_all(
        &mut self,
        dir: Slot,
        recursive: bool,
        change: Change<'_>,
    ) -> Result<(), TreeError> {
        let mut stack = vec![dir];
        let mut mapped = Mapped::new();
        while let Some(dir) = stack.pop() {
            change(&mut self.dirs[dir].meta, None);
            if !recursive {
                break;
            }
            let mut node = Node { meta: self.dirs[dir].base.meta.clone(), entries: Vec::new() };
            for (name, child) in self.dirs[dir].children() {
                match child {
                    Err(slot) => stack.push(slot),
                    Ok(kind) => node.entries.push(Entry { name: name.into(), kind: kind.clone() }),
                }
            }
            for entry in &mut node.entries {
                match &mut entry.kind {
                    EntryKind::Dir(id) => *id = self.map_tree(*id, change, &mut mapped)?,
                    kind => change_entry(kind, change),
                }
            }
            // What was open is so still; everything else is in the new base.
            self.dirs[dir].id = None;
            self.dirs[dir].base = Arc::new(node);
            self.dirs[dir].changes.retain(|_, child| matches!(child, Child::Open(_)));
        }
        Ok(())
    }

    /// Seals all that can be reached from the root and differs from what it was read from.
    pub(super) fn seal(self) -> Result<Sealed, TreeError> {
        let mut reached = vec![false; self.dirs.len()];
        let mut stack: Vec<Slot> = vec![0];
        while let Some(slot) = stack.pop() {
            reached[slot] = true;
            stack.extend(self.dirs[slot].changes.values().filter_map(|child| match child {
                Child::Open(slot) => Some(*slot),
                _ => None,
            }));
        }
        let mut sealer = Sealer::default();
        let mut seen = HashSet::new();
        let mut ids: Vec<Option<TreeId>> = vec![None; self.dirs.len()];
        for slot in (0..self.dirs.len()).rev().filter(|slot| reached[*slot]) {
            let dir = &self.dirs[slot];
            let kinds = dir.children().filter_map(|(_, child)| child.ok());
            self.seal_made(kinds, &mut sealer, &mut seen);
            let id = dir.seal(&ids, &mut sealer);
            // It may be one that was made here, opened, and left as it was.
            self.seal_made(std::iter::once(&EntryKind::Dir(id)), &mut sealer, &mut seen);
            ids[slot] = Some(id);
        }
        Ok(sealer.finish(ids[0].expect("the root is reached")))
    }
}

impl Dir {
    fn seal(&self, ids: &[Option<TreeId>], sealer: &mut Sealer) -> TreeId {
        let inner = |slot: Slot| EntryKind::Dir(ids[slot].expect("children come after their parents"));
        if let Some(id) = self.id
            && self.meta == self.base.meta
            && self.changes.iter().all(|(name, child)| match child {
                Child::Open(slot) => self.base.get(name).is_some_and(|entry| entry.kind == inner(*slot)),
                Child::Entry(kind) => self.base.get(name).is_some_and(|entry| entry.kind == *kind),
                Child::Gone => self.base.get(name).is_none(),
            })
        {
            return id;
        }
        let mut node = Node { meta: self.meta.clone(), entries: Vec::with_capacity(self.base.entries.len()) };
        for (name, child) in self.children() {
            let kind = match child {
                Ok(kind) => kind.clone(),
                Err(slot) => inner(slot),
            };
            node.entries.push(Entry { name: name.into(), kind });
        }
        let (id, bytes) = node.seal();
        if self.origin != Some(id) {
            sealer.add(id.stored, bytes);
        }
        id
    }
}

fn check_name(name: &[u8]) -> Result<(), TreeError> {
    if name.len() > path::MAX_NAME {
        return Err(TreeError::NameTooLong(path::text(name)));
    }
    if !is_name(name) {
        return Err(TreeError::Invalid(format!("{:?} cannot be the name of a file", path::text(name))));
    }
    Ok(())
}
