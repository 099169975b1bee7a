//! `Container.withFiles`: copies files into a directory of the container, each under its own name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;

/// Copies files into a directory of the container, each under its own name.
///
/// A directory that is mounted exactly there stays mounted, and gets the files.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withFiles(path: "/src", sources: [host.file(path: "README.md"), host.file(path: "src/hello.py")]).withExec(args: ["ls", "/src"]).stdout"# => r#""README.md\nhello.py\n""#)]
pub struct WithFiles {
    /// The directory.
    path: String,
    /// What.
    sources: Vec<Ref<File>>,
    /// Permission bits. Default: those of the sources.
    permissions: Option<i64>,
    /// `user[:group]`, names or numbers; names are looked up in the container's `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithFiles {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = if self.expand { on.expand(&self.path)? } else { self.path };
        let mode = crate::objects::optional_mode(self.permissions)?;
        let mut next = on.changed();
        for source in &self.sources {
            next = next.with_file(&path, &source.object, mode, &self.owner, true)?;
        }
        Ok(next)
    }
}
