//! `Container.withMountedDirectory`: mounts a directory.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::directory::Directory;
use crate::operation::Run;
use crate::vertex::edit::{Owner, Source, Step, edit};
use crate::vertex::exec::{ExecMount, MountKind};

/// Mounts a directory.
///
/// What execs write there is seen by later execs and by `directory(path)`; the source does not change, and nothing of it gets into the root file system or an image.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withMountedDirectory(path: "/src", source: host.directory(path: "src")).withExec(args: ["ls", "/src"]).stdout"# => r#""hello.py\n""#)]
#[example(r#"container.from(address: "alpine").withMountedDirectory(path: "/src", source: host.directory(path: "src")).withExec(args: ["touch", "/src/new"]).directory(path: "/src").entries"# => r#"["hello.py", "new"]"#)]
#[example(r#"container.from(address: "alpine").withMountedDirectory(path: "/src", source: host.directory(path: "src"), readOnly: true).withExec(args: ["touch", "/src/new"]).sync.exitCode"# => r#"raises "exit code: 1""#)]
pub struct WithMountedDirectory {
    /// Where, in the container.
    path: String,
    /// What is mounted.
    source: Ref<Directory>,
    /// `user[:group]`, names or numbers; names are looked up in the container's `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Refuse writes.
    #[arg(default = "false")]
    read_only: bool,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithMountedDirectory {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        // As a tree of its own, so that what lies beside it is no part of an exec's cache key.
        let mut tree = self.source.object.source.root();
        if !self.owner.is_empty() {
            let owner = Owner { spec: self.owner.into(), names: Some(on.rootfs.clone()) };
            tree = edit(tree, Step::Chown { path: "".into(), owner });
        }
        let source = Source { tree, path: "".into() };
        let kind = MountKind::Directory { source, read_only: self.read_only };
        Ok(on.mounted(ExecMount { path: path.into(), kind }))
    }
}
