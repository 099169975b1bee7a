//! `.gitignore` files: nested, with negation, anchoring and directory-only patterns.

/// The `.gitignore` files of a repository, by directory.
#[derive(Clone, Default, Debug)]
pub struct Gitignores {}
