//! `Changeset.after`: the state after.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Changeset;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// The state after.
#[derive(Operation)]
#[operation(on = "Changeset", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "b.txt", contents: "").changes(from: directory.withNewFile(path: "a.txt", contents: "")).after.entries"# => r#"["b.txt"]"#)]
pub struct After {}

impl Run for After {
    type On = Changeset;
    type Output = objects::directory::Directory;

    async fn run(self, on: Arc<Changeset>, _: &Cx) -> Result<objects::directory::Directory, OpError> {
        Ok(objects::directory::Directory { source: on.after.clone() })
    }
}
