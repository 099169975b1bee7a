//! `Changeset.withChangesets`: the changes of several changesets in one. See `withChangeset`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use super::ChangesetsMergeConflict;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The changes of several changesets in one. See `withChangeset`.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "Changeset!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").changes(from: directory).withChangesets(changes: [directory.withNewFile(path: "b.txt", contents: "").changes(from: directory), directory.withNewFile(path: "c.txt", contents: "").changes(from: directory)]).addedPaths"# => r#"["a.txt", "b.txt", "c.txt"]"#)]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "one").changes(from: directory).withChangesets(changes: [directory.withNewFile(path: "a.txt", contents: "two").changes(from: directory)], onConflict: FAIL_EARLY).addedPaths"# => r#"raises "a.txt""#)]
pub struct WithChangesets {
    /// The other changesets.
    changes: Vec<Ref<Changeset>>,
    /// What to do where two of them changed the same.
    #[arg(default = "FAIL")]
    on_conflict: ChangesetsMergeConflict,
}

impl Run for WithChangesets {
    type On = Changeset;
    type Output = Changeset;

    async fn run(self, on: Arc<Changeset>, _: &Cx) -> Result<Changeset, OpError> {
        let others: Vec<_> = self.changes.into_iter().map(|changes| changes.object).collect();
        Ok(on.combined(&others, self.on_conflict.rule()))
    }
}
