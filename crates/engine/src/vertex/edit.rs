//! Changes to a tree, as a chain of steps over a base.
//!
//! A chain of edits is evaluated in one go, in place: only the tree that is asked for is sealed, not those on the way.

use std::sync::{Arc, OnceLock};

use kukri_model::{Digest, Encoder};
use kukri_tree::{Conflicts, Occurrences};

use super::{Slot, TreeHandle, Vertex, VertexOp};

/// One edit: the tree before, and what changes.
pub struct Edit {
    /// The tree that is changed. Often the output of another edit, which is then done in the same go.
    pub base: TreeHandle,
    /// What changes.
    pub step: Step,
    /// How many edits are done in one go, counted back from this one. Fixed by the first look, so that what is asked
    /// for and what is used agree even if a tree on the way becomes known in between.
    length: OnceLock<usize>,
}

/// A file or directory within a tree.
#[derive(Clone, Debug)]
pub struct Source {
    /// The tree.
    pub tree: TreeHandle,
    /// Path in it; empty for the root.
    pub path: Arc<str>,
}

impl Source {
    /// What lies at `rest` below this.
    #[must_use]
    pub fn join(&self, rest: &str) -> Self {
        let path = match (self.path.is_empty(), rest.is_empty()) {
            (_, true) => Arc::clone(&self.path),
            (true, false) => rest.into(),
            (false, false) => format!("{}/{rest}", self.path).into(),
        };
        Self { tree: self.tree.clone(), path }
    }

    /// The tree whose root is this directory.
    #[must_use]
    pub fn root(&self) -> TreeHandle {
        if self.path.is_empty() {
            return self.tree.clone();
        }
        edit(self.tree.clone(), Step::Subtree(Arc::clone(&self.path)))
    }
}

/// Who shall own what is written.
#[derive(Clone, Debug)]
pub struct Owner {
    /// `user[:group]`, names or numbers.
    pub spec: Arc<str>,
    /// The tree whose `/etc/passwd` and `/etc/group` know the names; `None`: the tree that is changed.
    pub names: Option<TreeHandle>,
}

/// Which entries of a source are meant.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Patterns of what is taken; all if empty.
    pub include: Vec<String>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Leave out what `.gitignore` files say.
    pub gitignore: bool,
}

impl Selection {
    /// Whether everything is taken.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && !self.gitignore
    }

    fn encode(&self, key: &mut Encoder) {
        key.strs(self.include.iter()).strs(self.exclude.iter()).bool(self.gitignore);
    }
}

/// What an edit changes.
#[derive(Debug)]
pub enum Step {
    /// Goes on with the directory at this path as the root.
    Subtree(Arc<str>),
    /// Puts a file with this content. Parents are made.
    NewFile {
        /// Where.
        path: Arc<str>,
        /// The content.
        content: Arc<[u8]>,
        /// Permission bits.
        mode: u32,
        /// Owner; root if `None`.
        owner: Option<Owner>,
    },
    /// Makes a directory; an existing one is left as it is.
    NewDirectory {
        /// Where.
        path: Arc<str>,
        /// Permission bits.
        mode: u32,
    },
    /// Puts a symbolic link.
    Symlink {
        /// Where.
        path: Arc<str>,
        /// Where it points to, as it is.
        target: Arc<str>,
    },
    /// Removes what is at these paths or matches these globs; what is not there is no error.
    Remove(Vec<String>),
    /// Copies the contents of a directory into the directory at `path`.
    Merge {
        /// Where.
        path: Arc<str>,
        /// What.
        source: Source,
        /// Which entries.
        selection: Selection,
        /// Permission bits of all; the source's if `None`.
        mode: Option<u32>,
        /// Owner of all; `Some` of an empty spec means root, `None` keeps the source's.
        owner: Option<Owner>,
    },
    /// Copies one file.
    PutFile {
        /// The target's full path, or (empty, `.`, ending in `/`, or an existing directory) the directory it goes into.
        path: Arc<str>,
        /// What.
        source: Source,
        /// The name it gets when it goes into a directory.
        name: Arc<str>,
        /// Always a directory: the file goes into it.
        into: bool,
        /// Permission bits; the source's if `None`.
        mode: Option<u32>,
        /// Owner; root if `None`.
        owner: Option<Owner>,
    },
    /// Keeps only some entries.
    Filter(Selection),
    /// Keeps what is new or changed in `other` against the base.
    Diff(Source),
    /// Gives everything this modification time, in nanoseconds since 1970.
    Timestamps(i64),
    /// Changes the owner of what is at the path and below.
    Chown {
        /// Where.
        path: Arc<str>,
        /// To whom.
        owner: Owner,
    },
    /// Does to the base what happened between two other directories.
    Apply {
        /// The state before.
        before: Source,
        /// The state after.
        after: Source,
    },
    /// Does what several pairs of directories, each a state before and one after, have become, all in one.
    Combine {
        /// The pairs, the first being the one whose words count most.
        sides: Vec<(Source, Source)>,
        /// What to do where two changed the same.
        conflicts: Conflicts,
    },
    /// Applies a patch.
    Patch(Arc<[u8]>),
    /// Applies the patch in a file.
    PatchFile(Source),
    /// Puts a file with what happened between two directories, as a patch.
    Difference {
        /// The name of the file.
        path: Arc<str>,
        /// The state before.
        before: Source,
        /// The state after.
        after: Source,
    },
    /// Replaces a text in a file.
    Replace {
        /// The file.
        path: Arc<str>,
        /// What is replaced.
        search: Arc<str>,
        /// By what.
        replacement: Arc<str>,
        /// Which occurrences.
        which: Occurrences,
    },
    /// Fails with this message.
    Fail(Arc<str>),
}

/// The tree that `step` makes of `base`.
#[must_use]
pub fn edit(base: TreeHandle, step: Step) -> TreeHandle {
    TreeHandle::Output(Vertex::new(VertexOp::Edit(Edit { base, step, length: OnceLock::new() })), Slot::Tree)
}

impl Edit {
    /// The times of the tree that comes out; see [`TreeHandle::times`].
    pub(super) fn times(&mut self) -> Option<Digest> {
        let mut key = Encoder::new("kukri.times.v1");
        if let Step::Timestamps(time) = self.step {
            return Some(key.i64(time).finish());
        }
        let mut any = false;
        self.each_tree(&mut |handle| any |= handle.times().is_some());
        if !any {
            return None;
        }
        self.base.encode_times(&mut key);
        self.step.encode(&mut key, &mut |handle, key| handle.encode_times(key));
        Some(key.finish())
    }

    /// Identity by recipe.
    #[must_use]
    pub fn recipe(&self) -> Digest {
        let mut key = Encoder::new("kukri.edit.v1");
        self.base.encode(&mut key);
        self.step.encode(&mut key, &mut |handle, key| handle.encode(key));
        key.finish()
    }

    /// The edits of the chain that ends here, first to last, and the tree under the first. The chain ends at a tree
    /// that was known at the first look or is not made by an edit.
    #[must_use]
    pub fn chain(&self) -> (&TreeHandle, Vec<&Self>) {
        let length = *self.length.get_or_init(|| self.measure());
        let mut chain = Vec::with_capacity(length);
        let mut edit = self;
        loop {
            chain.push(edit);
            match edit.base.edit() {
                Some(below) if chain.len() < length => edit = below,
                _ => break,
            }
        }
        chain.reverse();
        (&edit.base, chain)
    }

    /// Makes the edit a go of its own, so that the tree before it is sealed too: for layers of images. Has no effect
    /// after the first look.
    pub fn alone(&self) {
        self.length.get_or_init(|| 1);
    }

    fn measure(&self) -> usize {
        let mut length = 1;
        let mut base = &self.base;
        while base.known().is_none()
            && let Some(edit) = base.edit()
        {
            length += 1;
            base = &edit.base;
        }
        length
    }

    /// The trees this needs: the base under the chain, then those of each step in order.
    #[must_use]
    pub fn trees(&self) -> Vec<TreeHandle> {
        let (base, chain) = self.chain();
        let mut trees = vec![base.clone()];
        for edit in chain {
            edit.step.each_tree(&mut |handle| trees.push(handle.clone()));
        }
        trees
    }

    /// Visits the handles this holds.
    pub fn each_tree(&mut self, visit: &mut dyn FnMut(&mut TreeHandle)) {
        visit(&mut self.base);
        self.step.each_tree_mut(visit);
    }

    /// For progress and messages.
    #[must_use]
    pub fn label(&self) -> String {
        self.step.label()
    }
}

impl Step {
    /// Whether it sets modification times that were asked for, or takes over some that were.
    #[must_use]
    pub fn sets_times(&self) -> bool {
        match self {
            Self::Timestamps(_) => true,
            Self::Merge { source, .. } | Self::PutFile { source, .. } => source.tree.times().is_some(),
            _ => false,
        }
    }

    /// Whether it leads from its base to a tree that goes on from there: what it leaves is then a layer on that. What
    /// takes a part of the base begins anew, so that the rest of the base is not hidden in a layer below; what gives
    /// everything another time, since nothing of the layers below would be seen.
    #[must_use]
    pub const fn goes_on(&self) -> bool {
        !matches!(
            self,
            Self::Subtree(_) | Self::Filter(_) | Self::Diff(_) | Self::Timestamps(_) | Self::Fail(_)
        )
    }

    /// Adds the step to a key. `tree` says how a tree is added: by its recipe or by its content.
    pub fn encode(&self, key: &mut Encoder, tree: &mut dyn FnMut(&TreeHandle, &mut Encoder)) {
        let owner =
            |owner: &Option<Owner>, key: &mut Encoder, tree: &mut dyn FnMut(&TreeHandle, &mut Encoder)| {
                match owner {
                    None => {
                        key.none();
                    }
                    Some(owner) => {
                        key.str(&owner.spec).bool(owner.names.is_some());
                        if let Some(names) = &owner.names {
                            tree(names, key);
                        }
                    }
                }
            };
        let mode = |mode: &Option<u32>, key: &mut Encoder| match mode {
            Some(mode) => {
                key.u64(u64::from(*mode));
            }
            None => {
                key.none();
            }
        };
        let pair = |before: &Source,
                    after: &Source,
                    key: &mut Encoder,
                    tree: &mut dyn FnMut(&TreeHandle, &mut Encoder)| {
            for source in [before, after] {
                key.str(&source.path);
                tree(&source.tree, key);
            }
        };
        match self {
            Self::Subtree(path) => {
                key.str("subtree").str(path);
            }
            Self::NewFile { path, content, mode, owner: to } => {
                key.str("file").str(path).digest(&Digest::of(content)).u64(u64::from(*mode));
                owner(to, key, tree);
            }
            Self::NewDirectory { path, mode } => {
                key.str("directory").str(path).u64(u64::from(*mode));
            }
            Self::Symlink { path, target } => {
                key.str("symlink").str(path).str(target);
            }
            Self::Remove(paths) => {
                key.str("remove").strs(paths.iter());
            }
            Self::Merge { path, source, selection, mode: bits, owner: to } => {
                key.str("merge").str(path).str(&source.path);
                tree(&source.tree, key);
                selection.encode(key);
                mode(bits, key);
                owner(to, key, tree);
            }
            Self::PutFile { path, source, name, into, mode: bits, owner: to } => {
                key.str("put").str(path).str(&source.path).str(name).bool(*into);
                tree(&source.tree, key);
                mode(bits, key);
                owner(to, key, tree);
            }
            Self::Filter(selection) => {
                key.str("filter");
                selection.encode(key);
            }
            Self::Diff(other) => {
                key.str("diff").str(&other.path);
                tree(&other.tree, key);
            }
            Self::Timestamps(time) => {
                key.str("timestamps").i64(*time);
            }
            Self::Chown { path, owner: to } => {
                key.str("chown").str(path).str(&to.spec).bool(to.names.is_some());
                if let Some(names) = &to.names {
                    tree(names, key);
                }
            }
            Self::Apply { before, after } => {
                key.str("apply");
                pair(before, after, key, tree);
            }
            Self::Combine { sides, conflicts } => {
                key.str("combine").str(&format!("{conflicts:?}")).list(sides.len());
                for (before, after) in sides {
                    pair(before, after, key, tree);
                }
            }
            Self::Patch(patch) => {
                key.str("patch").digest(&Digest::of(patch));
            }
            Self::PatchFile(patch) => {
                key.str("patch file").str(&patch.path);
                tree(&patch.tree, key);
            }
            Self::Difference { path, before, after } => {
                key.str("difference").str(path);
                pair(before, after, key, tree);
            }
            Self::Replace { path, search, replacement, which } => {
                key.str("replace").str(path).str(search).str(replacement).bool(which.all);
                match which.from_line {
                    Some(line) => key.u64(line),
                    None => key.none(),
                };
            }
            Self::Fail(message) => {
                key.str("fail").str(message);
            }
        }
    }

    /// Visits the handles in the order in which [`Step::encode`] does.
    pub fn each_tree(&self, visit: &mut dyn FnMut(&TreeHandle)) {
        // The visitor of `encode` sees exactly the handles, in order; the key itself is thrown away.
        let mut scratch = Encoder::new("");
        self.encode(&mut scratch, &mut |handle, _| visit(handle));
    }

    fn each_tree_mut(&mut self, visit: &mut dyn FnMut(&mut TreeHandle)) {
        let owner = match self {
            Self::Merge { source, owner, .. } | Self::PutFile { source, owner, .. } => {
                visit(&mut source.tree);
                owner.as_mut()
            }
            Self::Diff(source) | Self::PatchFile(source) => {
                visit(&mut source.tree);
                None
            }
            Self::Apply { before, after } | Self::Difference { before, after, .. } => {
                visit(&mut before.tree);
                visit(&mut after.tree);
                None
            }
            Self::Combine { sides, .. } => {
                for (before, after) in sides {
                    visit(&mut before.tree);
                    visit(&mut after.tree);
                }
                None
            }
            Self::NewFile { owner, .. } => owner.as_mut(),
            Self::Chown { owner, .. } => Some(owner),
            _ => None,
        };
        if let Some(names) = owner.and_then(|owner| owner.names.as_mut()) {
            visit(names);
        }
    }

    fn label(&self) -> String {
        match self {
            Self::Subtree(path) => format!("directory {path}"),
            Self::NewFile { path, .. } => format!("new file {path}"),
            Self::NewDirectory { path, .. } => format!("new directory {path}"),
            Self::Symlink { path, .. } => format!("symlink {path}"),
            Self::Remove(paths) => format!("remove {}", paths.join(" ")),
            Self::Merge { path, .. } => format!("copy directory to {path}"),
            Self::PutFile { path, name, .. } => format!("copy {name} to {path}"),
            Self::Filter(_) => "filter".to_owned(),
            Self::Diff(_) => "diff".to_owned(),
            Self::Timestamps(_) => "set timestamps".to_owned(),
            Self::Chown { path, .. } => format!("chown {path}"),
            Self::Apply { .. } => "apply changes".to_owned(),
            Self::Combine { sides, .. } => format!("merge {} changesets", sides.len()),
            Self::Patch(_) | Self::PatchFile(_) => "apply patch".to_owned(),
            Self::Difference { path, .. } => format!("write {path}"),
            Self::Replace { path, .. } => format!("replace text in {path}"),
            Self::Fail(_) => "error".to_owned(),
        }
    }
}
