//! `Changeset.modifiedPaths`: files that are in both states but differ in content, mode or owner.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Files that are in both states but differ in content, mode or owner.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "[String!]!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "new").changes(from: directory.withNewFile(path: "a.txt", contents: "old")).modifiedPaths"# => r#"["a.txt"]"#)]
pub struct ModifiedPaths {}

impl Run for ModifiedPaths {
    type On = Changeset;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Changeset>, cx: &Cx) -> Result<Vec<String>, OpError> {
        Ok(on.paths(cx).await?.modified)
    }
}
