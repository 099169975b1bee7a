//! Overlay upper directories: made for an exec, turned into trees afterwards.
use std::path::Path;

use kukri_tree::TreeId;

use crate::{Result, Store};

impl Store {
    /// Fresh upper and work directories for one overlay mount over `base`. The upper gets the metadata of the root of
    /// `base` (of an empty directory if `None`), since overlay shows that of the upper.
    pub fn workspace(&self, _base: Option<&TreeId>) -> Result<Workspace> {
        todo!()
    }
    /// Turns an upper directory, which must not be mounted any more, into a tree over `base`.
    pub fn commit_upper(&self, _base: &TreeId, _workspace: Workspace) -> Result<TreeId> {
        todo!()
    }
}

/// An upper and a work directory; removed when dropped.
#[derive(Debug)]
pub struct Workspace {}

impl Workspace {
    /// The upper directory.
    #[must_use]
    pub fn upper(&self) -> &Path {
        todo!()
    }
    /// The work directory, on the same file system.
    #[must_use]
    pub fn work(&self) -> &Path {
        todo!()
    }
}
