//! `Directory.directory`: A directory in this one.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::readable;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A directory in this one.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!", name = "directory")]
#[example(r#"directory.withNewFile(path: "docs/guide/intro.md", contents: "").directory(path: "docs").glob(pattern: "**")"# => r#"["guide/", "guide/intro.md"]"#)]
pub struct Subdirectory {
    /// Which.
    path: String,
}

impl Run for Subdirectory {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        Ok(Directory { source: on.source.join(&readable(&self.path)?) })
    }
}
