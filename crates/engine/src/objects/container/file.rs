//! `Container.file`: A file of the container, mounted ones included.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// A file of the container, mounted ones included. Selecting it runs what leads to it: a file that is not there is an error
/// at once.
#[derive(Operation)]
#[operation(on = "Container", returns = "File!", eager = "")]
#[example(r#"container.from(address: "alpine").withExec(args: ["sh", "-c", "echo built > /app"]).file(path: "/app").contents"# => r#""built\n""#)]
#[example(r#"container.withEnvVariable(name: "HOME", value: "/root").withNewFile(path: "/root/key", contents: "abc").file(path: "$HOME/key", expand: true).contents"# => r#""abc""#)]
pub struct File {
    /// Which.
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for File {
    type On = Container;
    type Output = objects::file::File;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<objects::file::File, OpError> {
        let path = on.path(&self.path, self.expand)?;
        objects::file::File::at(on.source(&path)?)?.checked(cx).await
    }
}
