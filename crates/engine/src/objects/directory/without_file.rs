//! `Directory.withoutFile`: removes a file. One that is not there is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Removes a file. One that is not there is no error.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "").withNewFile(path: "b.txt", contents: "").withoutFile(path: "a.txt").entries"# => r#"["b.txt"]"#)]
#[example(r#"directory.withoutFile(path: "missing").entries"# => r#"[]"#)]
pub struct WithoutFile {
    /// Which; may be a pattern (`*.log`).
    path: String,
}

impl Run for WithoutFile {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        Ok(on.edited(Step::Remove(vec![self.path])))
    }
}
