//! `Directory.withFile`: copies a file into the directory.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;

/// Copies a file into the directory.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withFile(path: "docs/README.md", source: host.file(path: "README.md")).entries(path: "docs")"# => r#"["README.md"]"#)]
#[example(r#"directory.withFile(path: "docs/", source: host.file(path: "README.md")).entries(path: "docs")"# => r#"["README.md"]"#)]
#[example(r#"directory.withFile(path: "key", source: file(name: "key", contents: "abc"), permissions: 384).stat(path: "key").permissions"# => r#"384"#)]
pub struct WithFile {
    /// Where: the full path of the copy; or, if it is empty, `.`, ends with `/` or is an existing directory, the directory it goes into.
    path: String,
    /// What.
    source: Ref<File>,
    /// Permission bits. Default: those of the source.
    permissions: Option<i64>,
    /// `user[:group]`, names or numbers; names are looked up in the directory's own `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
}

impl Run for WithFile {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let mode = crate::objects::optional_mode(self.permissions)?;
        on.with_file(&self.path, &self.source.object, mode, &self.owner, false)
    }
}
