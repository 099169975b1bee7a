//! Comparing two trees.

use crate::node::{NodeReader, TreeError, TreeId};
use crate::sealed::Sealed;

/// What counts as equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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

/// All differences, in walk order. A removed directory is one change; an added one is followed by all that is in it.
/// Where a directory replaces something else or the other way round, the removal comes first.
pub fn compare(
    reader: &dyn NodeReader,
    before: &TreeId,
    after: &TreeId,
    equality: Equality,
) -> Result<Vec<Change>, TreeError> {
    let _ = (reader, before, after, equality);
    unimplemented!()
}

/// The tree of what is new or changed in `after`. Removals are not expressed.
pub fn diff_tree(reader: &dyn NodeReader, before: &TreeId, after: &TreeId) -> Result<Sealed, TreeError> {
    let _ = (reader, before, after);
    unimplemented!()
}
