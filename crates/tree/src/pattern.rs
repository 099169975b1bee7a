//! Patterns in the dialect of `.dockerignore` and of include/exclude arguments, and the filters made of them.

use crate::gitignore::Gitignores;
use crate::node::TreeError;

/// What a [`Filter`] says about one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// It belongs to the result.
    Take,
    /// It does not. A directory still does if something below it is taken; see [`Filter::may_contain`].
    Skip,
}

/// A compiled list of patterns; the last one that matches decides, and `!` at its start makes it say no.
#[derive(Clone, Debug)]
pub struct Patterns {}

/// One compiled pattern, without negation.
#[derive(Clone, Debug)]
pub struct Pattern {}

/// Which paths of a tree belong to a result: those that match `include` (if there is any), do not match `exclude`, and
/// are not ignored by a `.gitignore` known to the filter.
///
/// To be asked from the top down: below a directory for which [`Filter::may_contain`] says no, answers mean nothing.
#[derive(Clone, Debug)]
pub struct Filter {
    _ignores: Gitignores,
}

impl Filter {
    /// Compiles the patterns. With `gitignore`, the walker hands every `.gitignore` it meets to
    /// [`Filter::add_gitignore`] before it asks about the directory's other entries.
    pub fn new<S: AsRef<str>>(include: &[S], exclude: &[S], gitignore: bool) -> Result<Self, TreeError> {
        let _ = (include, exclude, gitignore);
        unimplemented!()
    }

    /// Whether `.gitignore` files are to be read.
    #[must_use]
    pub const fn wants_gitignore(&self) -> bool {
        unimplemented!()
    }

    /// Says where the root of the walk lies within its git repository, for [`Filter::add_outer_gitignore`].
    pub fn set_git_prefix(&mut self, prefix: impl AsRef<[u8]>) {
        let _ = prefix.as_ref();
        unimplemented!()
    }

    /// Adds the `.gitignore` of the directory `dir` (path from the root of the walk).
    pub fn add_gitignore(&mut self, dir: impl AsRef<[u8]>, content: &[u8]) {
        let _ = (dir.as_ref(), content);
        unimplemented!()
    }

    /// Adds the `.gitignore` of a directory above the root of the walk, by its path from the top of the repository.
    pub fn add_outer_gitignore(&mut self, dir: impl AsRef<[u8]>, content: &[u8]) {
        let _ = (dir.as_ref(), content);
        unimplemented!()
    }

    /// Whether `path` (clean, from the root of the walk) belongs to the result.
    #[must_use]
    pub fn decide(&self, path: impl AsRef<[u8]>, is_dir: bool) -> Decision {
        let _ = (path.as_ref(), is_dir);
        unimplemented!()
    }

    /// Whether anything below the directory `dir` may be taken. `false` is certain, `true` is not.
    #[must_use]
    pub fn may_contain(&self, dir: impl AsRef<[u8]>) -> bool {
        let _ = dir.as_ref();
        unimplemented!()
    }

    /// Whether everything below the directory `dir` is taken. `true` is certain, `false` is not.
    #[must_use]
    pub fn takes_all(&self, dir: impl AsRef<[u8]>) -> bool {
        let _ = dir.as_ref();
        unimplemented!()
    }
}
