//! Paths of a tree that match a pattern.

use crate::node::{NodeReader, TreeError, TreeId};
use crate::pattern::Pattern;
use crate::walk::{PathRoom, Walk};

/// Paths below `root` that match, in walk order; those of directories end with `/`. Directories below which nothing can
/// match are not read. Links are not followed.
///
/// # Errors
/// [`TreeError::Invalid`] for a bad pattern and for too many paths, and the reader's.
pub fn glob(reader: &dyn NodeReader, root: &TreeId, pattern: &str) -> Result<Vec<String>, TreeError> {
    let pattern = Pattern::new(pattern)?;
    let mut found = Vec::new();
    let mut room = PathRoom::default();
    for entry in Walk::new(reader, root).prune(|dir, _| !pattern.may_match_below(dir)) {
        let entry = entry?;
        if pattern.matches(&entry.path) {
            room.take(entry.path.len())?;
            found.push(entry.text());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::testing::{dir, file, link, tree};

    #[test]
    fn matches_in_walk_order() {
        let memory = Memory::new();
        let root = tree(
            &memory,
            &[
                ("b.py", file("")),
                ("a/c.py", file("")),
                ("a/sub/d.py", file("")),
                ("a.py", dir()),
                ("l.py", link("b.py")),
                ("x.txt", file("")),
            ],
        );
        let glob = |pattern: &str| glob(&memory, &root, pattern).unwrap();
        assert_eq!(glob("**/*.py"), ["a/c.py", "a/sub/d.py", "a.py/", "b.py", "l.py"]);
        assert_eq!(glob("*.py"), ["a.py/", "b.py", "l.py"]);
        assert_eq!(glob("a/*"), ["a/c.py", "a/sub/"]);
        assert_eq!(glob("a/**"), ["a/c.py", "a/sub/", "a/sub/d.py"]);
        assert_eq!(glob("*"), ["a/", "a.py/", "b.py", "l.py", "x.txt"]);
        assert!(glob("none*").is_empty());
    }
}
