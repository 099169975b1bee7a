//! `Directory.withSymlink`: makes a symbolic link.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::checked;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Makes a symbolic link.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "v2/app", contents: "2").withSymlink(target: "v2", linkName: "current").file(path: "current/app").contents"# => r#""2""#)]
pub struct WithSymlink {
    /// Where it points to; kept as it is.
    target: String,
    /// Where the link is.
    link_name: String,
}

impl Run for WithSymlink {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let path = checked(&self.link_name)?;
        Ok(on.edited(Step::Symlink { path, target: self.target.into() }))
    }
}
