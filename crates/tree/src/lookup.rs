//! Finding what a path names, with symbolic links resolved inside the root.

use std::sync::Arc;

use crate::node::{Entry, EntryKind, Meta, Node, NodeReader, TreeError, TreeId};
use crate::path;

/// Most symbolic links on the way to one path, as Linux has it.
pub const MAX_LINKS: usize = 40;

/// Which symbolic links are followed. They never lead out: an absolute target starts at the tree's root, and `..` stops
/// there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// All, also the last one: as `stat` does.
    All,
    /// Those on the way, not the last one: as `lstat` does.
    Parents,
}

/// What a path names.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where it really is: clean, without links on the way. Empty for the root.
    pub path: Vec<u8>,
    /// What is there.
    pub kind: FoundKind,
}

/// What is at a path.
#[derive(Clone, Debug)]
pub enum FoundKind {
    /// A directory.
    Dir {
        /// Its tree.
        id: TreeId,
        /// Its node.
        node: Arc<Node>,
    },
    /// Anything else.
    Entry(EntryKind),
}

impl Found {
    /// Base name; empty for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        path::split(&self.path).map_or(b"", |(_, name)| name)
    }

    /// Mode, owner and time, of directories too.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        match &self.kind {
            FoundKind::Dir { node, .. } => &node.meta,
            FoundKind::Entry(kind) => kind.meta().expect("only directories have no metadata of their own"),
        }
    }
}

/// Finds what `path` names. The path is cleaned by its text first; both `a/b` and `/a/b` start at `root`.
///
/// # Errors
/// `NotFound`, `NotADirectory` (with the path as given), `TooManyLinks`, and the reader's.
pub fn lookup(
    reader: &dyn NodeReader,
    root: &TreeId,
    path: impl AsRef<[u8]>,
    follow: Follow,
) -> Result<Found, TreeError> {
    find(reader, root, path.as_ref(), follow)
}

fn find(reader: &dyn NodeReader, root: &TreeId, given: &[u8], follow: Follow) -> Result<Found, TreeError> {
    let mut todo = Todo::new(&path::clean(given)?);
    // The directories from the root to the present one.
    let mut dirs: Vec<(TreeId, Arc<Node>)> = vec![(*root, reader.node(&root.stored)?)];
    let mut names: Vec<Box<[u8]>> = Vec::new();
    while let Some(name) = todo.next() {
        if &*name == b".." {
            if names.pop().is_some() {
                dirs.pop();
            }
            continue;
        }
        let (_, node) = dirs.last().expect("the root stays");
        let Some(entry) = node.get(&name) else {
            return Err(TreeError::NotFound(path::text(given)));
        };
        match &entry.kind {
            EntryKind::Dir(id) => {
                let node = reader.node(&id.stored)?;
                dirs.push((*id, node));
                names.push(name);
            }
            EntryKind::Symlink { target, .. } if follow == Follow::All || !todo.is_empty() => {
                if todo.link(target).is_err() {
                    return Err(TreeError::TooManyLinks(path::text(given)));
                }
                if target.starts_with(b"/") {
                    dirs.truncate(1);
                    names.clear();
                }
            }
            other if todo.is_empty() => {
                let kind = FoundKind::Entry(other.clone());
                names.push(name);
                return Ok(Found { path: names.join(&b'/'), kind });
            }
            _ => return Err(TreeError::NotADirectory(path::text(given))),
        }
    }
    let (id, node) = dirs.pop().expect("the root stays");
    Ok(Found { path: names.join(&b'/'), kind: FoundKind::Dir { id, node } })
}

/// The components that are still ahead while a path is resolved.
pub(crate) struct Todo {
    /// Last component first.
    parts: Vec<Box<[u8]>>,
    links: usize,
}

impl Todo {
    pub(crate) fn new(clean: &[u8]) -> Self {
        Self { parts: path::parts(clean).rev().map(Into::into).collect(), links: 0 }
    }

    pub(crate) fn next(&mut self) -> Option<Box<[u8]>> {
        self.parts.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Puts the components of a link's target in front. Fails when there were too many links.
    pub(crate) fn link(&mut self, target: &[u8]) -> Result<(), ()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(());
        }
        self.parts.extend(path::parts(target).rev().filter(|part| *part != b".").map(Into::into));
        Ok(())
    }
}

/// Whether `path` names something. Dangling links, and files where a directory is needed, count as no.
///
/// # Errors
/// The reader's, and paths that are not valid.
pub fn try_exists(
    reader: &dyn NodeReader,
    root: &TreeId,
    path: impl AsRef<[u8]>,
    follow: Follow,
) -> Result<bool, TreeError> {
    match find(reader, root, path.as_ref(), follow) {
        Ok(_) => Ok(true),
        Err(TreeError::NotFound(_) | TreeError::NotADirectory(_) | TreeError::TooManyLinks(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names in the directory at `path`, sorted; those of directories end with `/`.
///
/// # Errors
/// `NotADirectory`, and those of [`lookup`].
pub fn entries(
    reader: &dyn NodeReader,
    root: &TreeId,
    path: impl AsRef<[u8]>,
) -> Result<Vec<String>, TreeError> {
    let given = path.as_ref();
    match find(reader, root, given, Follow::All)?.kind {
        FoundKind::Dir { node, .. } => Ok(node.entries.iter().map(name_text).collect()),
        FoundKind::Entry(_) => Err(TreeError::NotADirectory(path::text(given))),
    }
}

fn name_text(entry: &Entry) -> String {
    let mut text = path::text(&entry.name);
    if matches!(entry.kind, EntryKind::Dir(_)) {
        text.push('/');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::testing::{dir, file, link, tree};

    /// `usr/lib/{x, back -> ../../etc}`, `lib -> usr/lib`, `abs -> /usr`, `etc/passwd`, links that lead nowhere.
    fn sample() -> (Memory, TreeId) {
        let memory = Memory::new();
        let root = tree(
            &memory,
            &[
                ("usr/lib/x", file("x")),
                ("usr/lib/back", link("../../etc")),
                ("usr/lib/out", link("../../../../etc/passwd")),
                ("lib", link("usr/lib")),
                ("abs", link("/usr")),
                ("etc/passwd", file("root")),
                ("loop", link("loop")),
                ("dangling", link("nothing/here")),
                ("empty", dir()),
            ],
        );
        (memory, root)
    }

    fn found(path: &str, follow: Follow) -> Result<String, TreeError> {
        let (memory, root) = sample();
        lookup(&memory, &root, path, follow).map(|found| path::text(&found.path))
    }

    #[test]
    fn links_are_followed_inside_the_root() {
        for (path, want) in [
            ("", ""),
            ("/..", ""),
            ("usr/lib/x", "usr/lib/x"),
            ("/lib/x", "usr/lib/x"),
            ("lib", "usr/lib"),
            ("abs/lib/x", "usr/lib/x"),
            ("lib/back/passwd", "etc/passwd"),
            ("lib/out", "etc/passwd"),
            ("lib/../etc", "etc"),
        ] {
            assert_eq!(found(path, Follow::All).as_deref(), Ok(want), "{path}");
        }
    }

    #[test]
    fn the_last_link_is_kept_when_asked() {
        assert_eq!(found("lib", Follow::Parents).as_deref(), Ok("lib"));
        assert_eq!(found("lib/back", Follow::Parents).as_deref(), Ok("usr/lib/back"));
        assert_eq!(found("loop", Follow::Parents).as_deref(), Ok("loop"));
    }

    #[test]
    fn what_cannot_be_found() {
        assert_eq!(found("no/such", Follow::All), Err(TreeError::NotFound("no/such".into())));
        assert_eq!(found("etc/passwd/x", Follow::All), Err(TreeError::NotADirectory("etc/passwd/x".into())));
        assert_eq!(found("loop", Follow::All), Err(TreeError::TooManyLinks("loop".into())));
        assert_eq!(found("dangling", Follow::All), Err(TreeError::NotFound("dangling".into())));
    }

    #[test]
    fn existence() {
        let (memory, root) = sample();
        let exists = |path: &str, follow| try_exists(&memory, &root, path, follow).unwrap();
        assert!(exists("lib/x", Follow::All));
        assert!(!exists("dangling", Follow::All));
        assert!(exists("dangling", Follow::Parents));
        assert!(!exists("loop", Follow::All));
        assert!(!exists("etc/passwd/x", Follow::All));
    }

    #[test]
    fn listing() {
        let (memory, root) = sample();
        assert_eq!(
            entries(&memory, &root, "/").unwrap(),
            ["abs", "dangling", "empty/", "etc/", "lib", "loop", "usr/"]
        );
        assert_eq!(entries(&memory, &root, "lib").unwrap(), ["back", "out", "x"]);
        assert!(entries(&memory, &root, "empty").unwrap().is_empty());
        let error = entries(&memory, &root, "etc/passwd").unwrap_err();
        assert_eq!(error.to_string(), "path etc/passwd is a file, not a directory");
    }
}
