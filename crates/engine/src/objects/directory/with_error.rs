//! `Directory.withError`: makes every later evaluation fail with a message. An empty message changes nothing.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Makes every later evaluation fail with a message. An empty message changes nothing.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withError(err: "the build for Windows is not ready").entries"# => r#"raises "the build for Windows is not ready""#)]
#[example(r#"directory.withError(err: "").entries"# => r#"[]"#)]
pub struct WithError {
    /// The message.
    err: String,
}

impl Run for WithError {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        if self.err.is_empty() {
            return Ok(Directory::clone(&on));
        }
        Ok(on.edited(Step::Fail(self.err.into())))
    }
}
