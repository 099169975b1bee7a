//! `Container.withMountedTemp`: mounts a directory in memory, empty for every exec.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::exec::{ExecMount, MountKind};

/// Mounts a directory in memory, empty for every exec.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withMountedTemp(path: "/scratch").withExec(args: ["touch", "/scratch/a"]).withExec(args: ["ls", "/scratch"]).stdout"# => r#""""#)]
#[example(r#"container.from(address: "alpine").withMountedTemp(path: "/scratch", size: 4096).withExec(args: ["dd", "if=/dev/zero", "of=/scratch/a", "bs=8192", "count=1"], expect: ANY).exitCode"# => r#"1"#)]
pub struct WithMountedTemp {
    /// Where, in the container.
    path: String,
    /// Most bytes it may hold. Default: half of the memory.
    size: Option<i64>,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithMountedTemp {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        Ok(on.mounted(ExecMount { path: path.into(), kind: MountKind::Temp { size: self.size } }))
    }
}
