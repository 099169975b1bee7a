//! `Directory.file`: A file in this directory.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::readable;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// A file in this directory. Selecting it computes the directory: a file that is not there is an error at once.
#[derive(Operation)]
#[operation(on = "Directory", returns = "File!", eager = "")]
#[example(r##"directory.withNewFile(path: "docs/intro.md", contents: "# Intro\n").file(path: "docs/intro.md").contents"## => r##""# Intro\n""##)]
#[example(r#"directory.file(path: "intro.md").contents"# => r#"raises "intro.md: no such file or directory""#)]
pub struct File {
    /// Which.
    path: String,
}

impl Run for File {
    type On = Directory;
    type Output = objects::file::File;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<objects::file::File, OpError> {
        objects::file::File::at(on.source.join(&readable(&self.path)?))?.checked(cx).await
    }
}
