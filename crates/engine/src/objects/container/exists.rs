//! `Container.exists`: whether there is something at a path.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::objects::stat::ExistsType;
use crate::operation::Run;

/// Whether there is something at a path.
#[derive(Operation)]
#[operation(on = "Container", returns = "Boolean!")]
#[example(r#"container.from(address: "alpine").exists(path: "/etc/passwd")"# => r#"true"#)]
#[example(r#"container.from(address: "alpine").exists(path: "/etc/passwd", expectedType: DIRECTORY_TYPE)"# => r#"false"#)]
pub struct Exists {
    /// Where.
    path: String,
    /// Only if it is of this kind.
    expected_type: Option<ExistsType>,
    /// Look at a symbolic link itself, not at what it points to.
    #[arg(default = "false")]
    do_not_follow_symlinks: bool,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for Exists {
    type On = Container;
    type Output = bool;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<bool, OpError> {
        let path = on.path(&self.path, self.expand)?;
        objects::exists(cx, &on.source(&path)?, self.expected_type, self.do_not_follow_symlinks).await
    }
}
