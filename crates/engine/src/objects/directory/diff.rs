//! `Directory.diff`: what is new or changed in another directory. Removals are not expressed.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// What is new or changed in another directory. Removals are not expressed.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").diff(other: directory.withNewFile(path: "a.txt", contents: "").withNewFile(path: "b.txt", contents: "")).entries"# => r#"["b.txt"]"#)]
pub struct Diff {
    /// The later state.
    other: Ref<Directory>,
}

impl Run for Diff {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        Ok(on.edited(Step::Diff(self.other.object.source.clone())))
    }
}
