//! Visiting a whole tree, parents before children, each directory in the order of its names.

use std::sync::Arc;

use crate::cancel;
use crate::node::{EntryKind, Node, NodeReader, TreeError, TreeId};
use crate::path;

/// Most bytes that the paths of one result take in memory: as many as a tree of some million files has.
pub const MAX_PATHS: usize = 256 << 20;

/// Counts the memory that paths take which a walk keeps.
#[derive(Default)]
pub(crate) struct PathRoom(usize);

impl PathRoom {
    /// Takes room for a path.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] where there is none.
    pub(crate) fn take(&mut self, path: usize) -> Result<(), TreeError> {
        if self.has(path) {
            return Ok(());
        }
        Err(TreeError::Invalid(format!(
            "the paths of the directory take more than {MAX_PATHS} bytes of memory; ask for a part of it, with a narrower \
             pattern, or for a directory in it"
        )))
    }

    /// Takes room for the path of a change, and what it has beside its name.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] where there is none.
    pub(crate) fn take_change(&mut self, path: usize, more: usize) -> Result<(), TreeError> {
        if self.has(path + more) {
            return Ok(());
        }
        Err(TreeError::Invalid(format!(
            "the paths of the changes take more than {MAX_PATHS} bytes of memory; compare a part of the directories, filtered \
             or a directory in each"
        )))
    }

    const fn has(&mut self, path: usize) -> bool {
        // What a path takes beside its text.
        self.0 += path + 80;
        self.0 <= MAX_PATHS
    }
}

/// One visited entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WalkEntry {
    /// Path from the root of the walk.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
}

impl WalkEntry {
    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        matches!(self.kind, EntryKind::Dir(_))
    }

    /// Path as text, directories with a trailing `/`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = path::text(&self.path);
        if self.is_dir() {
            text.push('/');
        }
        text
    }
}

/// Asked for each directory whether to leave out what is below it.
type Prune<'a> = Box<dyn FnMut(&[u8], &TreeId) -> bool + 'a>;

/// Iterator over all entries below a root, without the root itself.
pub struct Walk<'a> {
    reader: &'a dyn NodeReader,
    prune: Option<Prune<'a>>,
    stack: Vec<Frame>,
    path: Vec<u8>,
    enter: Option<TreeId>,
}

struct Frame {
    node: Arc<Node>,
    next: usize,
    /// Length of the directory's own path.
    base: usize,
}

impl<'a> Walk<'a> {
    /// Starts at `root`. Nothing is read yet.
    #[must_use]
    pub fn new(reader: &'a dyn NodeReader, root: &TreeId) -> Self {
        Self { reader, prune: None, stack: Vec::new(), path: Vec::new(), enter: Some(*root) }
    }

    /// Sets a callback that is asked for every directory before its node is read: `true` leaves out what is below it.
    /// The directory itself is still visited. The root is not asked for.
    #[must_use]
    pub fn prune(mut self, callback: impl FnMut(&[u8], &TreeId) -> bool + 'a) -> Self {
        self.prune = Some(Box::new(callback));
        self
    }

    /// Leaves out what is below the directory that was returned last.
    pub fn skip_dir(&mut self) {
        self.enter = None;
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<WalkEntry, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(id) = self.enter.take() {
            if let Err(error) = cancel::check() {
                self.stack.clear();
                return Some(Err(error));
            }
            let pruned =
                !self.path.is_empty() && self.prune.as_mut().is_some_and(|prune| prune(&self.path, &id));
            if !pruned {
                match self.reader.node(&id.stored) {
                    Ok(node) => self.stack.push(Frame { node, next: 0, base: self.path.len() }),
                    Err(error) => return Some(Err(error)),
                }
            }
        }
        loop {
            let frame = self.stack.last_mut()?;
            self.path.truncate(frame.base);
            let Some(entry) = frame.node.entries.get(frame.next) else {
                self.stack.pop();
                continue;
            };
            frame.next += 1;
            path::push(&mut self.path, &entry.name);
            if let EntryKind::Dir(id) = &entry.kind {
                self.enter = Some(*id);
            }
            return Some(Ok(WalkEntry { path: self.path.clone(), kind: entry.kind.clone() }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::node::Entry;
    use crate::testing::{dir, file, paths, tree};

    fn sample(memory: &Memory) -> TreeId {
        tree(memory, &[("a/b/c", file("1")), ("a.txt", file("2")), ("a/d", file("3")), ("z", dir())])
    }

    #[test]
    fn parents_first_and_by_component() {
        let memory = Memory::new();
        let root = sample(&memory);
        assert_eq!(paths(&memory, &root), ["a/", "a/b/", "a/b/c", "a/d", "a.txt", "z/"]);
    }

    #[test]
    fn pruned_directories_are_seen_but_not_read() {
        let memory = Memory::new();
        let root = sample(&memory);
        let walk = Walk::new(&memory, &root).prune(|path, _| path == b"a/b");
        let seen: Vec<_> = walk.map(|entry| entry.unwrap().text()).collect();
        assert_eq!(seen, ["a/", "a/b/", "a/d", "a.txt", "z/"]);
    }

    #[test]
    fn skipping_the_last_directory() {
        let memory = Memory::new();
        let root = sample(&memory);
        let mut walk = Walk::new(&memory, &root);
        assert_eq!(walk.next().unwrap().unwrap().text(), "a/");
        walk.skip_dir();
        assert_eq!(walk.next().unwrap().unwrap().text(), "a.txt");
    }

    #[test]
    fn depth_costs_no_stack() {
        let memory = Memory::new();
        let root = crate::testing::nested(&memory, 20_000);
        let last = Walk::new(&memory, &root).last().unwrap().unwrap();
        assert_eq!(last.path.len(), 20_000 * 2 - 1);
    }

    #[test]
    fn a_missing_node_is_an_error_once() {
        let memory = Memory::new();
        let mut node = Node::empty();
        node.set(Entry { name: (*b"gone").into(), kind: EntryKind::Dir(Node::empty().id()) });
        let root = memory.put_node(node);
        let seen: Vec<_> = Walk::new(&memory, &root).collect();
        assert!(seen[0].is_ok());
        assert!(matches!(seen[1], Err(TreeError::Missing { .. })));
        assert_eq!(seen.len(), 2);
    }
}
