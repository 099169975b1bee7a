//! `Directory.withNewFile`: writes a file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::checked;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Writes a file.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "src/hello.txt", contents: "hello").entries(path: "src")"# => r#"["hello.txt"]"#)]
#[example(r##"directory.withNewFile(path: "run.sh", contents: "#!/bin/sh\n", permissions: 493).stat(path: "run.sh").permissions"## => r#"493"#)]
pub struct WithNewFile {
    /// Where. Missing parents are made.
    path: String,
    /// What it holds.
    contents: String,
    /// Permission bits.
    #[arg(default = "420")]
    permissions: i64,
}

impl Run for WithNewFile {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let mode = crate::objects::mode(self.permissions)?;
        let path = checked(&self.path)?;
        let step = Step::NewFile { path, content: Arc::from(self.contents.into_bytes()), mode, owner: None };
        Ok(on.edited(step))
    }
}
