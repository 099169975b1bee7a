//! `Changeset.withChangeset`: the changes of two changesets in one.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use super::ChangesetMergeConflict;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The changes of two changesets in one.
///
/// What only one of them changed is taken; texts that both changed are merged by lines. The state before is that of both
/// in one. A top-level `.git` is left out.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "Changeset!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").changes(from: directory).withChangeset(changes: directory.withNewFile(path: "b.txt", contents: "").changes(from: directory)).addedPaths"# => r#"["a.txt", "b.txt"]"#)]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one").changes(from: directory).withChangeset(changes: directory.withNewFile(path: "a.txt", contents: "two").changes(from: directory)).addedPaths"# => r#"raises "a.txt""#)]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one").changes(from: directory).withChangeset(changes: directory.withNewFile(path: "a.txt", contents: "two").changes(from: directory), onConflict: PREFER_THEIRS).after.file(path: "a.txt").contents"# => r#""two""#)]
pub struct WithChangeset {
    /// The other changeset.
    changes: Ref<Changeset>,
    /// What to do where both changed the same.
    #[arg(default = "FAIL")]
    on_conflict: ChangesetMergeConflict,
}

impl Run for WithChangeset {
    type On = Changeset;
    type Output = Changeset;

    async fn run(self, on: Arc<Changeset>, _: &Cx) -> Result<Changeset, OpError> {
        Ok(on.combined(&[self.changes.object], self.on_conflict.rule()))
    }
}
