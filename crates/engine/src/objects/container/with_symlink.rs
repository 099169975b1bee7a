//! `Container.withSymlink`: makes a symbolic link.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Step, edit};

/// Makes a symbolic link.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withNewFile(path: "/opt/app-2/notes", contents: "new").withSymlink(target: "/opt/app-2", linkName: "/opt/app").file(path: "/opt/app/notes").contents"# => r#""new""#)]
pub struct WithSymlink {
    /// Where it points to; kept as it is.
    target: String,
    /// Where the link is.
    link_name: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithSymlink {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let link = on.path(&self.link_name, self.expand)?;
        let target = if self.expand { on.expand(&self.target)? } else { self.target };
        on.edited(&link, |tree, path| edit(tree, Step::Symlink { path: path.into(), target: target.into() }))
    }
}
