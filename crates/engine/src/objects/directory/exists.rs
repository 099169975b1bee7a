//! `Directory.exists`: whether there is something at a path.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::objects::stat::ExistsType;
use crate::operation::Run;

/// Whether there is something at a path.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Boolean!")]
#[example(r#"host.directory(path: "src").exists(path: "hello.py")"# => r#"true"#)]
#[example(r#"host.directory(path: "src").exists(path: "hello.py", expectedType: DIRECTORY_TYPE)"# => r#"false"#)]
#[example(r#"directory.withSymlink(target: "nowhere", linkName: "link").exists(path: "link")"# => r#"false"#)]
#[example(r#"directory.withSymlink(target: "nowhere", linkName: "link").exists(path: "link", doNotFollowSymlinks: true)"# => r#"true"#)]
pub struct Exists {
    /// Where.
    path: String,
    /// Only if it is of this kind.
    expected_type: Option<ExistsType>,
    /// Look at a symbolic link itself, not at what it points to.
    #[arg(default = "false")]
    do_not_follow_symlinks: bool,
}

impl Run for Exists {
    type On = Directory;
    type Output = bool;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<bool, OpError> {
        objects::exists(cx, &on.inside(&self.path), self.expected_type, self.do_not_follow_symlinks).await
    }
}
