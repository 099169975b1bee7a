//! `File.export`: writes the file to the client's machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Writes the file to the client's machine.
#[derive(Operation)]
#[operation(on = "File", returns = "String!", cache = "never")]
#[example(r#"file(name: "hello.txt", contents: "hello").export(path: "dist/hello.txt")"# => r#""/…/dist/hello.txt""#)]
#[example(r#"directory.withNewFile(path: "a.txt", contents: "hello").export(path: "dist/files"); file(name: "b.txt", contents: "hello").export(path: "dist/files/", allowParentDirPath: true); host.directory(path: "dist/files").entries"# => r#"["a.txt", "b.txt"]"#)]
pub struct Export {
    /// Where, relative to the client's working directory.
    path: String,
    /// If the path is a directory, write into it under the file's name; otherwise that is an error.
    #[arg(default = "false")]
    allow_parent_dir_path: bool,
}

impl Run for Export {
    type On = File;
    type Output = String;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<String, OpError> {
        let (digest, mode, size) = objects::file_entry(cx, &on.source).await?;
        cx.session
            .export_file(
                cx,
                on.source.tree.clone(),
                on.name(),
                (digest, mode, size),
                self.path,
                self.allow_parent_dir_path,
            )
            .await
    }
}
