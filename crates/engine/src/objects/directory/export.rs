//! `Directory.export`: writes the directory to the client's machine, merging with what is there.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Writes the directory to the client's machine, merging with what is there.
///
/// Only what differs is written. Modes and times are kept; the owner is the client.
#[derive(Operation)]
#[operation(on = "Directory", returns = "String!", cache = "never")]
#[example(r#"directory.withNewFile(path: "hello.txt", contents: "hello").export(path: "dist/site")"# => r#""/…/dist/site""#)]
#[example(r#"directory.withNewFile(path: "old", contents: "").export(path: "dist/wiped"); directory.withNewFile(path: "new", contents: "").export(path: "dist/wiped", wipe: true); host.directory(path: "dist/wiped").entries"# => r#"["new"]"#)]
pub struct Export {
    /// Where, relative to the client's working directory.
    path: String,
    /// Remove what is there and not in the directory.
    #[arg(default = "false")]
    wipe: bool,
}

impl Run for Export {
    type On = Directory;
    type Output = String;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<String, OpError> {
        let tree = objects::directory_tree(cx, &on.source).await?;
        cx.session.export_tree(cx, on.source.tree.clone(), tree, self.path, self.wipe).await
    }
}
