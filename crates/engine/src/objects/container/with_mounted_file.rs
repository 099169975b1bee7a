//! `Container.withMountedFile`: mounts a file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;
use crate::vertex::TreeHandle;
use crate::vertex::edit::{Owner, Source, Step, edit};
use crate::vertex::exec::{ExecMount, MountKind};

/// Mounts a file.
///
/// What execs write to it is seen by later execs; the source does not change.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withMountedFile(path: "/etc/app.toml", source: host.file(path: "pyproject.toml")).withExec(args: ["head", "-n", "1", "/etc/app.toml"]).stdout"# => r#""[project]\n""#)]
#[example(r#"container.from(address: "alpine").withMountedFile(path: "/etc/app.toml", source: host.file(path: "pyproject.toml"), owner: "nobody").withExec(args: ["stat", "-c", "%U", "/etc/app.toml"]).stdout"# => r#""nobody\n""#)]
pub struct WithMountedFile {
    /// Where, in the container.
    path: String,
    /// What is mounted.
    source: Ref<File>,
    /// `user[:group]`, names or numbers; names are looked up in the container's `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithMountedFile {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        let name: Arc<str> = path.rsplit('/').next().unwrap_or_default().into();
        let owner = (!self.owner.is_empty())
            .then(|| Owner { spec: self.owner.into(), names: Some(on.rootfs.clone()) });
        // Alone in a tree, so that what lies beside it is no part of an exec's cache key.
        let step = Step::PutFile {
            path: "".into(),
            source: self.source.object.source.clone(),
            name: Arc::clone(&name),
            into: true,
            mode: None,
            owner,
        };
        let source = Source { tree: edit(TreeHandle::empty(), step), path: name };
        Ok(on.mounted(ExecMount { path: path.into(), kind: MountKind::File { source } }))
    }
}
