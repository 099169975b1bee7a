//! `Directory.stat`: facts of what is at a path.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Facts of what is at a path.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Stat")]
#[example(r#"directory.withNewFile(path: "hello.txt", contents: "hello").stat(path: "hello.txt").size"# => r#"5"#)]
#[example(r#"directory.withNewFile(path: "hello.txt", contents: "hello").withSymlink(target: "hello.txt", linkName: "link").stat(path: "link", doNotFollowSymlinks: true).fileType"# => r#""SYMLINK""#)]
pub struct Stat {
    /// Where.
    path: String,
    /// Look at a symbolic link itself, not at what it points to.
    #[arg(default = "false")]
    do_not_follow_symlinks: bool,
}

impl Run for Stat {
    type On = Directory;
    type Output = Option<objects::stat::Stat>;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<Option<objects::stat::Stat>, OpError> {
        if self.path.is_empty() {
            return Err(OpError::new(": no such file or directory"));
        }
        objects::stat::stat_of(cx, &on.inside(&self.path), !self.do_not_follow_symlinks).await.map(Some)
    }
}
