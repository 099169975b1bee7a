//! `Container.withoutMount`: removes what is mounted at a path. Nothing there is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes what is mounted at a path. Nothing there is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withMountedTemp(path: "/tmp").withMountedTemp(path: "/run").withoutMount(path: "/tmp").mounts"# => r#"["/run"]"#)]
pub struct WithoutMount {
    /// Where, in the container.
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithoutMount {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.without_mount(&on.path(&self.path, self.expand)?))
    }
}
