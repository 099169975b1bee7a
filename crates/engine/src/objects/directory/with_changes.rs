//! `Directory.withChanges`: does the changes of a changeset: puts what is new or changed, and removes what is gone.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::changeset::Changeset;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Does the changes of a changeset: puts what is new or changed, and removes what is gone.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "README.md", contents: "").withChanges(changes: directory.withNewFile(path: "a.txt", contents: "").changes(from: directory)).entries"# => r#"["README.md", "a.txt"]"#)]
pub struct WithChanges {
    /// The changes.
    changes: Ref<Changeset>,
}

impl Run for WithChanges {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let Changeset { before, after } = Changeset::clone(&self.changes.object);
        Ok(on.edited(Step::Apply { before, after }))
    }
}
