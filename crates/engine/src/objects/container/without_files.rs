//! `Container.withoutFiles`: removes files. Those that are not there are no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Step, edit};

/// Removes files. Those that are not there are no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withNewFile(path: "/a.log", contents: "").withNewFile(path: "/b.log", contents: "").withNewFile(path: "/c", contents: "").withoutFiles(paths: ["/a.log", "/b.log"]).rootfs.entries"# => r#"["c"]"#)]
pub struct WithoutFiles {
    /// Which; may be patterns.
    paths: Vec<String>,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithoutFiles {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let mut next = on.changed();
        for path in &self.paths {
            let path = on.path_of_file(path, self.expand)?;
            next = next.edited(&path, |tree, path| edit(tree, Step::Remove(vec![path])))?;
        }
        Ok(next)
    }
}
