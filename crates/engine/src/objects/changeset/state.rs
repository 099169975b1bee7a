//! What happened between two states of a directory.

use std::sync::Arc;

use kukri_engine_macros::ApiEnum;
use kukri_model::schema::ObjectDef;
use kukri_store::Store;
use kukri_tree::{ChangedPaths, Conflicts, TreeId};

use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::objects::directory::Directory;
use crate::objects::{directory_tree, read_directory};
use crate::value::ObjectType;
use crate::vertex::TreeHandle;
use crate::vertex::edit::{Selection, Source, Step, edit};

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "Changeset",
    doc: "What happened between two states of a directory. It can be looked at, merged with others and applied.",
    interfaces: &["Exportable", "Syncer"],
};

/// Two states of a directory.
#[derive(Clone, Debug)]
pub struct Changeset {
    /// The state before.
    pub before: Source,
    /// The state after.
    pub after: Source,
}

impl ObjectType for Changeset {
    const NAME: &'static str = "Changeset";
}

/// What to do where two changesets changed the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum ChangesetMergeConflict {
    /// Fail as soon as both changed the same file, whatever they did.
    #[member(name = "FAIL_EARLY")]
    FailEarly,
    /// Fail where the changes cannot be merged by lines.
    #[member(name = "FAIL")]
    Fail,
    /// Leave both between markers in the file. What one changed and the other removed stays; binary files fail.
    #[member(name = "LEAVE_CONFLICT_MARKERS")]
    LeaveConflictMarkers,
    /// Take what the changeset has on which this is called.
    #[member(name = "PREFER_OURS")]
    PreferOurs,
    /// Take what the other changeset has.
    #[member(name = "PREFER_THEIRS")]
    PreferTheirs,
}

impl ChangesetMergeConflict {
    /// The rule.
    #[must_use]
    pub const fn rule(self) -> Conflicts {
        match self {
            Self::FailEarly => Conflicts::FailEarly,
            Self::Fail => Conflicts::Fail,
            Self::LeaveConflictMarkers => Conflicts::Markers,
            Self::PreferOurs => Conflicts::Ours,
            Self::PreferTheirs => Conflicts::Theirs,
        }
    }
}

/// What to do where two of several changesets changed the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum ChangesetsMergeConflict {
    /// Fail as soon as two changed the same file, whatever they did.
    #[member(name = "FAIL_EARLY")]
    FailEarly,
    /// Fail where the changes cannot be merged by lines.
    #[member(name = "FAIL")]
    Fail,
}

impl ChangesetsMergeConflict {
    /// The rule.
    #[must_use]
    pub const fn rule(self) -> Conflicts {
        match self {
            Self::FailEarly => Conflicts::FailEarly,
            Self::Fail => Conflicts::Fail,
        }
    }
}

impl Changeset {
    /// Computes both states, and reads from them on a thread that may block.
    pub async fn compare<T: Send + 'static>(
        &self,
        cx: &Cx,
        read: impl FnOnce(&Store, &TreeId, &TreeId) -> Result<T, OpError> + Send + 'static,
    ) -> Result<T, OpError> {
        let (before, _) =
            futures_util::try_join!(directory_tree(cx, &self.before), cx.tree(&self.after.tree))?;
        read_directory(cx, &self.after, move |store, after| read(store, &before, after)).await
    }

    /// The paths that changed.
    pub async fn paths(&self, cx: &Cx) -> Result<ChangedPaths, OpError> {
        self.compare(cx, |store, before, after| ChangedPaths::between(store, before, after).or_fail()).await
    }

    /// The changes of this and of others in one.
    #[must_use]
    pub fn combined(&self, others: &[Arc<Self>], conflicts: Conflicts) -> Self {
        if others.is_empty() {
            return self.clone();
        }
        let mut before = Directory { source: self.before.clone() }.source.root();
        for other in others {
            let step = Step::Merge {
                path: "".into(),
                source: other.before.clone(),
                selection: Selection::default(),
                mode: None,
                owner: None,
            };
            before = edit(before, step);
        }
        before = edit(before, Step::Remove(vec![".git".to_owned()]));
        let own = (self.before.clone(), self.after.clone());
        let others = others.iter().map(|other| (other.before.clone(), other.after.clone()));
        let step = Step::Combine { sides: std::iter::once(own).chain(others).collect(), conflicts };
        let root = |tree: TreeHandle| Source { tree, path: "".into() };
        Self { before: root(before.clone()), after: root(edit(before, step)) }
    }
}
