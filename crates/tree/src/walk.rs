//! Visiting a whole tree, parents before children, each directory in the order of its names.

use std::sync::Arc;

use crate::node::{EntryKind, Node, NodeReader, TreeError, TreeId};
use crate::path;

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

/// Iterator over all entries below a root, without the root itself.
pub struct Walk<'a> {
    reader: &'a dyn NodeReader,
    prune: Option<Box<dyn FnMut(&[u8], &TreeId) -> bool + 'a>>,
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
            let pruned = !self.path.is_empty() && self.prune.as_mut().is_some_and(|prune| prune(&self.path, &id));
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
