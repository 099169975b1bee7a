//! Taking a part of a tree: what a filter is, and the tree of what it takes.

use std::sync::Arc;

use crate::cancel;
use crate::gitignore::Gitignores;
use crate::node::{BlobReader, Entry, EntryKind, Node, NodeReader, TreeError, TreeId};
use crate::path;
use crate::pattern::Patterns;
use crate::sealed::{Sealed, Sealer};
use crate::walk::Walk;

/// What a [`Filter`] says about one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It belongs to the result.
    Take,
    /// It does not. A directory still does if something below it is taken; see [`Filter::may_contain`].
    Skip,
}

/// Which paths of a tree belong to a result: those that match `include` (if there is any), do not match `exclude`, and
/// are not ignored by a `.gitignore` known to the filter.
///
/// To be asked from the top down: below a directory for which [`Filter::may_contain`] says no, answers mean nothing.
#[derive(Clone, Debug)]
pub struct Filter {
    include: Patterns,
    exclude: Patterns,
    gitignore: bool,
    ignores: Gitignores,
}

impl Filter {
    /// Compiles the patterns. With `gitignore`, the walker hands every `.gitignore` it meets to
    /// [`Filter::add_gitignore`] before it asks about the directory's other entries.
    ///
    /// # Errors
    /// [`TreeError::Invalid`] with the pattern.
    pub fn new<S: AsRef<str>>(include: &[S], exclude: &[S], gitignore: bool) -> Result<Self, TreeError> {
        let (include, exclude) = (Patterns::new(include)?, Patterns::new(exclude)?);
        Ok(Self { include, exclude, gitignore, ignores: Gitignores::default() })
    }

    /// Whether everything is taken as long as no `.gitignore` is added.
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && !self.gitignore
    }

    /// Whether there are include patterns.
    #[must_use]
    pub fn has_include(&self) -> bool {
        !self.include.is_empty()
    }

    /// Whether `.gitignore` files are to be read.
    #[must_use]
    pub const fn wants_gitignore(&self) -> bool {
        self.gitignore
    }

    /// Says where the root of the walk lies within its git repository, for [`Filter::add_outer_gitignore`]. Forgets the
    /// files added before.
    pub fn set_git_prefix(&mut self, prefix: impl AsRef<[u8]>) {
        self.ignores = Gitignores::new(prefix.as_ref());
    }

    /// Adds the `.gitignore` of the directory `dir` (path from the root of the walk).
    pub fn add_gitignore(&mut self, dir: impl AsRef<[u8]>, content: &[u8]) {
        self.ignores.add(dir.as_ref(), content);
    }

    /// Adds the `.gitignore` of a directory above the root of the walk, by its path from the top of the repository.
    pub fn add_outer_gitignore(&mut self, dir: impl AsRef<[u8]>, content: &[u8]) {
        self.ignores.add_outer(dir.as_ref(), content);
    }

    /// Adds the `.gitignore` files of a tree, if the filter wants them. Those in ignored directories are not read.
    ///
    /// # Errors
    /// The readers'.
    pub fn load_gitignores(
        &mut self,
        reader: &dyn NodeReader,
        blobs: &dyn BlobReader,
        root: &TreeId,
    ) -> Result<(), TreeError> {
        if !self.gitignore {
            return Ok(());
        }
        let own = |node: &Node| match node.get(b".gitignore") {
            Some(Entry { kind: EntryKind::File { blob, .. }, .. }) => blobs.blob(blob).map(Some),
            _ => Ok(None),
        };
        if let Some(content) = own(&*reader.node(&root.stored)?)? {
            self.ignores.add(b"", &content);
        }
        let mut walk = Walk::new(reader, root);
        while let Some(entry) = walk.next() {
            let entry = entry?;
            let EntryKind::Dir(id) = &entry.kind else { continue };
            if self.ignores.ignores(&entry.path, true) {
                walk.skip_dir();
            } else if let Some(content) = own(&*reader.node(&id.stored)?)? {
                self.ignores.add(&entry.path, &content);
            }
        }
        Ok(())
    }

    /// Whether `path` (clean, from the root of the walk) belongs to the result. The root always does.
    #[must_use]
    pub fn decide(&self, path: impl AsRef<[u8]>, is_dir: bool) -> Decision {
        let path = path.as_ref();
        let take = path.is_empty()
            || ((self.include.is_empty() || self.include.matches(path))
                && !self.exclude.matches(path)
                && !self.ignores.ignores(path, is_dir));
        if take { Decision::Take } else { Decision::Skip }
    }

    /// Whether anything below the directory `dir` may be taken. `false` is certain, `true` is not.
    #[must_use]
    pub fn may_contain(&self, dir: impl AsRef<[u8]>) -> bool {
        let dir = dir.as_ref();
        if dir.is_empty() {
            return true;
        }
        (self.include.is_empty() || self.include.matches(dir) || self.include.may_match_below(dir, false))
            && (!self.exclude.matches(dir) || self.exclude.may_match_below(dir, true))
            && !self.ignores.ignores(dir, true)
    }

    /// Whether everything below the directory `dir` is taken. `true` is certain, `false` is not.
    #[must_use]
    pub fn takes_all(&self, dir: impl AsRef<[u8]>) -> bool {
        let dir = dir.as_ref();
        let included = |dir: &[u8]| {
            self.include.is_empty() || (self.include.matches(dir) && !self.include.may_match_below(dir, true))
        };
        let excluded = |dir: &[u8]| self.exclude.matches(dir) || self.exclude.may_match_below(dir, false);
        included(dir) && !excluded(dir) && self.ignores.is_empty()
    }
}

/// A directory on the way.
struct Frame {
    id: TreeId,
    node: Arc<Node>,
    next: usize,
    /// Length of its path.
    base: usize,
    /// Whether it is taken itself.
    taken: bool,
    /// What is taken so far.
    kept: Vec<Entry>,
    /// Whether anything was left out or changed.
    changed: bool,
}

/// The tree of what `filter` takes from `root`. Directories that are not taken themselves stay only if something below
/// them is taken. Subtrees that are taken whole are shared.
///
/// # Errors
/// The reader's.
pub fn filter(reader: &dyn NodeReader, root: &TreeId, filter: &Filter) -> Result<Sealed, TreeError> {
    if filter.takes_all(b"") {
        return Ok(Sealed::existing(*root));
    }
    let mut sealer = Sealer::default();
    let enter = |id: TreeId, base: usize, taken: bool| -> Result<Frame, TreeError> {
        cancel::check()?;
        let node = reader.node(&id.stored)?;
        Ok(Frame { id, node, next: 0, base, taken, kept: Vec::new(), changed: false })
    };
    let mut path = Vec::new();
    let mut stack = vec![enter(*root, 0, true)?];
    loop {
        let frame = stack.last_mut().expect("the root is left last");
        path.truncate(frame.base);
        let Some(entry) = frame.node.entries.get(frame.next) else {
            let done = stack.pop().expect("it was just there");
            let empty = !done.taken && done.kept.is_empty();
            let id = if done.changed && !empty {
                sealer.seal(&Node { meta: done.node.meta.clone(), entries: done.kept })
            } else {
                done.id
            };
            let Some(parent) = stack.last_mut() else {
                return Ok(sealer.finish(id));
            };
            let name = &parent.node.entries[parent.next - 1].name;
            if !empty {
                parent.kept.push(Entry { name: name.clone(), kind: EntryKind::Dir(id) });
            }
            parent.changed |= empty || id != done.id;
            continue;
        };
        frame.next += 1;
        path::push(&mut path, &entry.name);
        let is_dir = matches!(entry.kind, EntryKind::Dir(_));
        let taken = filter.decide(&path, is_dir) == Decision::Take;
        match &entry.kind {
            EntryKind::Dir(_) if taken && filter.takes_all(&path) => frame.kept.push(entry.clone()),
            EntryKind::Dir(id) if taken || filter.may_contain(&path) => {
                let inner = enter(*id, path.len(), taken)?;
                stack.push(inner);
            }
            _ if taken => frame.kept.push(entry.clone()),
            _ => frame.changed = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::memory::Memory;
    use crate::testing::{dir, file, model, paths, tree};

    fn sample(memory: &Memory) -> TreeId {
        tree(
            memory,
            &[
                ("a/b/x.py", file("1")),
                ("a/b/x.txt", file("2")),
                ("a/empty", dir()),
                ("docs/README.md", file("3")),
                ("docs/deep/n.md", file("4")),
                ("setup.py", file("5")),
            ],
        )
    }

    fn filtered(include: &[&str], exclude: &[&str]) -> Vec<String> {
        let memory = Memory::new();
        let root = sample(&memory);
        let result = filter(&memory, &root, &Filter::new(include, exclude, false).unwrap()).unwrap();
        let id = memory.put(&result).unwrap();
        paths(&memory, &id)
    }

    #[test]
    fn include() {
        assert_eq!(filtered(&["**/*.py"], &[]), ["a/", "a/b/", "a/b/x.py", "setup.py"]);
        assert_eq!(filtered(&["a"], &[]), ["a/", "a/b/", "a/b/x.py", "a/b/x.txt", "a/empty/"]);
        assert_eq!(filtered(&["docs/*"], &[]), ["docs/", "docs/README.md", "docs/deep/", "docs/deep/n.md"]);
        assert!(filtered(&["nothing"], &[]).is_empty());
        assert!(filtered(&["a/nothing"], &[]).is_empty());
        assert_eq!(filtered(&["a/empty"], &[]), ["a/", "a/empty/"]);
    }

    #[test]
    fn exclude() {
        assert_eq!(filtered(&[], &["a", "docs"]), ["setup.py"]);
        assert_eq!(filtered(&[], &["**", "!docs/deep"]), ["docs/", "docs/deep/", "docs/deep/n.md"]);
        assert_eq!(filtered(&[], &["docs/**", "a"]), ["docs/", "setup.py"]);
        assert_eq!(filtered(&["**/*.py"], &["a"]), ["setup.py"]);
        assert_eq!(filtered(&["docs", "!docs/deep"], &[]), ["docs/", "docs/README.md"]);
    }

    #[test]
    fn gitignore_files_of_the_tree() {
        let memory = Memory::new();
        memory.put_blob(b"*.log\nbuild/");
        memory.put_blob(b"!keep.log");
        let root = tree(
            &memory,
            &[
                (".gitignore", file("*.log\nbuild/")),
                ("a.log", file("")),
                ("build/.gitignore", file("not read")),
                ("build/x", file("")),
                ("sub/.gitignore", file("!keep.log")),
                ("sub/keep.log", file("")),
                ("sub/other.log", file("")),
            ],
        );
        let mut wanted = Filter::new::<&str>(&[], &[], true).unwrap();
        wanted.load_gitignores(&memory, &memory, &root).unwrap();
        let id = memory.put(&filter(&memory, &root, &wanted).unwrap()).unwrap();
        assert_eq!(paths(&memory, &id), [".gitignore", "sub/", "sub/.gitignore", "sub/keep.log"]);
    }

    #[test]
    fn what_is_untouched_is_shared() {
        let memory = Memory::new();
        let root = sample(&memory);
        let nothing = filter(&memory, &root, &Filter::new(&[], &["none"], false).unwrap()).unwrap();
        assert_eq!(nothing, Sealed::existing(root));
        let one = filter(&memory, &root, &Filter::new(&[], &["setup.py"], false).unwrap()).unwrap();
        assert_eq!(one.nodes.len(), 1);
        let deep = filter(&memory, &root, &Filter::new(&[], &["a/b/x.py"], false).unwrap()).unwrap();
        assert_eq!(deep.nodes.len(), 3);
    }

    fn patterns() -> impl Strategy<Value = Vec<String>> {
        let part = prop_oneof!["[abc]", Just("*".to_owned()), Just("**".to_owned())];
        let one = (any::<bool>(), proptest::collection::vec(part, 1..4))
            .prop_map(|(not, parts)| format!("{}{}", if not { "!" } else { "" }, parts.join("/")));
        proptest::collection::vec(one, 0..4)
    }

    proptest! {
        /// Pruning and sharing change nothing: asking about every single path gives the same tree.
        #[test]
        fn agrees_with_asking_for_every_path(
            include in patterns(),
            exclude in patterns(),
            files in proptest::collection::vec(proptest::collection::vec("[abc]", 1..4), 0..8),
        ) {
            let memory = Memory::new();
            let mut items = BTreeSet::new();
            for path in &files {
                items.insert(format!("{}/f", path.join("/")));
            }
            let items: Vec<_> = items.iter().map(|path| (path.as_str(), file("x"))).collect();
            let root = tree(&memory, &items);
            let wanted = Filter::new(&include, &exclude, false).unwrap();
            let id = memory.put(&filter(&memory, &root, &wanted).unwrap()).unwrap();

            let mut expected = BTreeSet::from([String::new()]);
            for (path, item) in model(&memory, &root) {
                let is_dir = matches!(item, crate::testing::Item::Dir(_));
                if wanted.decide(&path, is_dir) == Decision::Take {
                    for at in (0..path.len()).filter(|at| path.as_bytes()[*at] == b'/') {
                        expected.insert(path[..at].to_owned());
                    }
                    expected.insert(path);
                }
            }
            let got: BTreeSet<_> = model(&memory, &id).into_keys().collect();
            prop_assert_eq!(got, expected);
        }
    }
}
