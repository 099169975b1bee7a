//! Paths of a tree that match a pattern.

use crate::node::{NodeReader, TreeError, TreeId};

/// Paths below `root` that match, in walk order; those of directories end with `/`.
pub fn glob(reader: &dyn NodeReader, root: &TreeId, pattern: &str) -> Result<Vec<String>, TreeError> {
    let _ = (reader, root, pattern);
    unimplemented!()
}
