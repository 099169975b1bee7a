//! How many lines changed at a path.

use kukri_engine_macros::ApiEnum;
use kukri_model::schema::ObjectDef;
use kukri_tree::StatKind;

use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef =
    ObjectDef { name: "DiffStat", doc: "How many lines changed at a path.", interfaces: &[] };

/// How many lines changed at a path.
#[derive(Clone, Debug)]
pub struct DiffStat {
    /// The facts.
    pub stat: kukri_tree::DiffStat,
}

impl ObjectType for DiffStat {
    const NAME: &'static str = "DiffStat";
}

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum DiffStatKind {
    /// A file or directory was added.
    #[member(name = "ADDED")]
    Added,
    /// A file was changed.
    #[member(name = "MODIFIED")]
    Modified,
    /// A file or directory was removed.
    #[member(name = "REMOVED")]
    Removed,
    /// A file has a new name, and perhaps another content.
    #[member(name = "RENAMED")]
    Renamed,
}

impl DiffStatKind {
    /// From the tree's own kinds.
    #[must_use]
    pub const fn of(kind: StatKind) -> Self {
        match kind {
            StatKind::Added => Self::Added,
            StatKind::Modified => Self::Modified,
            StatKind::Removed => Self::Removed,
            StatKind::Renamed => Self::Renamed,
        }
    }
}
