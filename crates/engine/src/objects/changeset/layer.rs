//! `Changeset.layer`: what is new or changed, as a directory. Removals are not expressed.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// What is new or changed, as a directory. Removals are not expressed.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").withNewFile(path: "b.txt", contents: "").changes(from: directory.withNewFile(path: "a.txt", contents: "")).layer.entries"# => r#"["b.txt"]"#)]
pub struct Layer {}

impl Run for Layer {
    type On = Changeset;
    type Output = objects::directory::Directory;

    async fn run(self, on: Arc<Changeset>, _: &Cx) -> Result<objects::directory::Directory, OpError> {
        let before = objects::directory::Directory { source: on.before.clone() };
        Ok(before.edited(Step::Diff(on.after.clone())))
    }
}
