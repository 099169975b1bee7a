//! `Container.directory`: A directory of the container, mounted ones included.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// A directory of the container, mounted ones included.
#[derive(Operation)]
#[operation(on = "Container", returns = "Directory!")]
#[example(r#"container.from(address: "alpine").withExec(args: ["mkdir", "-p", "/out/html"]).directory(path: "/out").entries"# => r#"["html/"]"#)]
#[example(r#"container.withWorkdir(path: "/src").withNewFile(path: "a.py", contents: "").directory(path: ".").entries"# => r#"["a.py"]"#)]
pub struct Directory {
    /// Which.
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for Directory {
    type On = Container;
    type Output = objects::directory::Directory;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<objects::directory::Directory, OpError> {
        let path = on.path(&self.path, self.expand)?;
        Ok(objects::directory::Directory { source: on.source(&path)? })
    }
}
