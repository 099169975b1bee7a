//! `Directory.changes`: what happened between another state of the directory and this one.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::changeset::Changeset;
use crate::operation::Run;

/// What happened between another state of the directory and this one.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Changeset!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "new").changes(from: directory.withNewFile(path: "a.txt", contents: "old")).modifiedPaths"# => r#"["a.txt"]"#)]
pub struct Changes {
    /// The state before.
    from: Ref<Directory>,
}

impl Run for Changes {
    type On = Directory;
    type Output = Changeset;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Changeset, OpError> {
        Ok(Changeset { before: self.from.object.source.clone(), after: on.source.clone() })
    }
}
