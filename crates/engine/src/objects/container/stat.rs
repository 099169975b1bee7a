//! `Container.stat`: facts of what is at a path.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// Facts of what is at a path.
#[derive(Operation)]
#[operation(on = "Container", returns = "Stat")]
#[example(r##"container.from(address: "alpine").withNewFile(path: "/run.sh", contents: "#!/bin/sh\n", permissions: 493).stat(path: "/run.sh").permissions"## => r#"493"#)]
#[example(r#"container.withSymlink(target: "/nowhere", linkName: "/link").stat(path: "/link", doNotFollowSymlinks: true).fileType"# => r#""SYMLINK""#)]
pub struct Stat {
    /// Where.
    path: String,
    /// Look at a symbolic link itself, not at what it points to.
    #[arg(default = "false")]
    do_not_follow_symlinks: bool,
}

impl Run for Stat {
    type On = Container;
    type Output = Option<objects::stat::Stat>;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Option<objects::stat::Stat>, OpError> {
        objects::stat::stat_of(cx, &on.source(&on.absolute(&self.path))?, !self.do_not_follow_symlinks)
            .await
            .map(Some)
    }
}
