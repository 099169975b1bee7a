//! `Container.withNewFile`: writes a file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Owner, Step, edit};

/// Writes a file.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withNewFile(path: "/etc/motd", contents: "hello\n").withExec(args: ["cat", "/etc/motd"]).stdout"# => r#""hello\n""#)]
#[example(r#"container.from(address: "alpine").withNewFile(path: "/home/key", contents: "abc", permissions: 384, owner: "nobody").withExec(args: ["stat", "-c", "%U %a", "/home/key"]).stdout"# => r#""nobody 600\n""#)]
pub struct WithNewFile {
    /// Where. Missing parents are made.
    path: String,
    /// What it holds.
    contents: String,
    /// Permission bits.
    #[arg(default = "420")]
    permissions: i64,
    /// `user[:group]`, names or numbers; names are looked up in the container's `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithNewFile {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        let mode = crate::objects::mode(self.permissions)?;
        let owner = Owner { spec: self.owner.into(), names: on.names_for(&path) };
        let content = Arc::from(self.contents.into_bytes());
        on.edited(&path, |tree, path| {
            edit(tree, Step::NewFile { path: path.into(), content, mode, owner: Some(owner) })
        })
    }
}
