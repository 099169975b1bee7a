//! `Directory.withFiles`: copies files into a directory, each under its own name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;

/// Copies files into a directory, each under its own name. They belong to root.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withFiles(path: "docs", sources: [host.file(path: "README.md"), file(name: "hello.txt", contents: "hello")]).entries(path: "docs")"# => r#"["README.md", "hello.txt"]"#)]
pub struct WithFiles {
    /// The directory.
    path: String,
    /// What.
    sources: Vec<Ref<File>>,
    /// Permission bits. Default: those of the sources.
    permissions: Option<i64>,
}

impl Run for WithFiles {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let mode = crate::objects::optional_mode(self.permissions)?;
        let mut next = Directory::clone(&on);
        for source in &self.sources {
            next = next.with_file(&self.path, &source.object, mode, "", true)?;
        }
        Ok(next)
    }
}
