//! `Changeset.removedPaths`: files and directories that are gone. A directory ends with `/` and stands for all that was in it.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Files and directories that are gone. A directory ends with `/` and stands for all that was in it.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "[String!]!")]
#[example(r#"directory.changes(from: directory.withNewFile(path: "docs/a.md", contents: "")).removedPaths"# => r#"["docs/"]"#)]
pub struct RemovedPaths {}

impl Run for RemovedPaths {
    type On = Changeset;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Changeset>, cx: &Cx) -> Result<Vec<String>, OpError> {
        Ok(on.paths(cx).await?.removed)
    }
}
