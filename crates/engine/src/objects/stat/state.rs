//! Facts of one path.

use kukri_engine_macros::ApiEnum;
use kukri_model::schema::ObjectDef;
use kukri_tree::{FileKind, Follow};

use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::objects;
use crate::value::ObjectType;
use crate::vertex::edit::Source;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef { name: "Stat", doc: "Facts of a file or directory.", interfaces: &[] };

/// Facts of one path.
#[derive(Clone, Debug)]
pub struct Stat {
    /// The facts.
    pub stat: kukri_tree::Stat,
}

impl ObjectType for Stat {
    const NAME: &'static str = "Stat";
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum FileType {
    /// Something else.
    #[member(name = "UNKNOWN")]
    Unknown,
    /// A regular file.
    #[member(name = "REGULAR", alias = "REGULAR_TYPE")]
    Regular,
    /// A directory.
    #[member(name = "DIRECTORY", alias = "DIRECTORY_TYPE")]
    Directory,
    /// A symbolic link.
    #[member(name = "SYMLINK", alias = "SYMLINK_TYPE")]
    Symlink,
}

impl FileType {
    /// From the tree's own kinds.
    #[must_use]
    pub const fn of(kind: FileKind) -> Self {
        match kind {
            FileKind::Regular => Self::Regular,
            FileKind::Directory => Self::Directory,
            FileKind::Symlink => Self::Symlink,
            _ => Self::Unknown,
        }
    }
}

/// What is expected to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum ExistsType {
    /// A regular file.
    #[member(name = "REGULAR_TYPE")]
    Regular,
    /// A directory.
    #[member(name = "DIRECTORY_TYPE")]
    Directory,
    /// A symbolic link.
    #[member(name = "SYMLINK_TYPE")]
    Symlink,
}

impl ExistsType {
    /// Whether `kind` is what is expected.
    #[must_use]
    pub fn is(self, kind: FileKind) -> bool {
        matches!(
            (self, kind),
            (Self::Regular, FileKind::Regular)
                | (Self::Directory, FileKind::Directory)
                | (Self::Symlink, FileKind::Symlink)
        )
    }
}

/// Facts of what is at a place.
pub async fn stat_of(cx: &Cx, source: &Source, follow: bool) -> Result<Stat, OpError> {
    let follow = if follow { Follow::All } else { Follow::Parents };
    objects::read_tree(cx, source, move |store, tree, path| {
        let path = if path.is_empty() { "." } else { path };
        kukri_tree::stat(store, tree, path, follow).or_fail().map(|stat| Stat { stat })
    })
    .await
}
