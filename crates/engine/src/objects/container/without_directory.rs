//! `Container.withoutDirectory`: removes a directory with all in it. One that is not there is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Step, edit};

/// Removes a directory with all in it. One that is not there is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withNewFile(path: "/var/cache/x", contents: "").withoutDirectory(path: "/var/cache").rootfs.glob(pattern: "**")"# => r#"["var/"]"#)]
pub struct WithoutDirectory {
    /// Which; may be a pattern.
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithoutDirectory {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        on.edited(&path, |tree, path| edit(tree, Step::Remove(vec![path])))
    }
}
