//! `Changeset.addedPaths`: files and directories that are new, with all that is in them; directories end with `/`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Files and directories that are new, with all that is in them; directories end with `/`.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "[String!]!")]
#[example(r#"directory.withNewFile(path: "docs/a.md", contents: "").changes(from: directory).addedPaths"# => r#"["docs/", "docs/a.md"]"#)]
pub struct AddedPaths {}

impl Run for AddedPaths {
    type On = Changeset;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Changeset>, cx: &Cx) -> Result<Vec<String>, OpError> {
        Ok(on.paths(cx).await?.added)
    }
}
