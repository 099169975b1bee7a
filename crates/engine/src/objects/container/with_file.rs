//! `Container.withFile`: copies a file into the container.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;

/// Copies a file into the container.
///
/// What is mounted exactly at the path is unmounted first. A directory that is mounted there stays, and gets the file, if the
/// path is one that always means a directory, such as one that ends with `/`.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withFile(path: "/src/hello.py", source: host.file(path: "src/hello.py")).withExec(args: ["ls", "/src"]).stdout"# => r#""hello.py\n""#)]
#[example(r#"container.from(address: "alpine").withFile(path: "/src/", source: host.file(path: "src/hello.py"), owner: "nobody").withExec(args: ["stat", "-c", "%U", "/src/hello.py"]).stdout"# => r#""nobody\n""#)]
pub struct WithFile {
    /// Where: the full path of the copy; or, if it is empty, ends with `/`, `.` or `..` as a name, or is an existing directory, the directory it goes into.
    path: String,
    /// What.
    source: Ref<File>,
    /// Permission bits. Default: those of the source.
    permissions: Option<i64>,
    /// `user[:group]`, names or numbers; names are looked up in the container's `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithFile {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = if self.expand { on.expand(&self.path)? } else { self.path };
        on.with_file(
            &path,
            &self.source.object,
            crate::objects::optional_mode(self.permissions)?,
            &self.owner,
            false,
        )
    }
}
