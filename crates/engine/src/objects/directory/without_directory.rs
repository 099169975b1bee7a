//! `Directory.withoutDirectory`: removes a directory with all in it. One that is not there is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::without_file::check_inside;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Removes a directory with all in it. One that is not there is no error.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"host.directory(path: ".", include: ["src", "tests"]).withoutDirectory(path: "tests").entries"# => r#"["src/"]"#)]
pub struct WithoutDirectory {
    /// Which; may be a pattern.
    path: String,
}

impl Run for WithoutDirectory {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        check_inside(&self.path)?;
        Ok(on.edited(Step::Remove(vec![self.path])))
    }
}
