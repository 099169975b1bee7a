//! `Container.withoutFile`: removes a file. One that is not there is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Step, edit};

/// Removes a file. One that is not there is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withNewFile(path: "/a", contents: "").withNewFile(path: "/b", contents: "").withoutFile(path: "/a").rootfs.entries"# => r#"["b"]"#)]
pub struct WithoutFile {
    /// Which; may be a pattern (`*.log`).
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithoutFile {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        on.edited(&path, |tree, path| edit(tree, Step::Remove(vec![path])))
    }
}
