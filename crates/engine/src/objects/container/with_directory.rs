//! `Container.withDirectory`: copies the contents of a directory into a directory of the container, merging with what is there.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::directory::Directory;
use crate::operation::Run;
use crate::vertex::edit::{Owner, Selection, Step, edit};

/// Copies the contents of a directory into a directory of the container, merging with what is there.
///
/// What is mounted exactly at the path is unmounted first; below the path of a mounted directory, the step changes what is
/// mounted.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withDirectory(path: "/src", source: host.directory(path: "src")).withExec(args: ["ls", "/src"]).stdout"# => r#""hello.py\n""#)]
#[example(r#"container.withDirectory(path: "/src", source: host.directory(path: "."), include: ["**/*.py"], exclude: ["tests"]).directory(path: "/src").glob(pattern: "**")"# => r#"["src/", "src/hello.py"]"#)]
#[example(r#"container.from(address: "alpine").withDirectory(path: "/src", source: host.directory(path: "src"), owner: "nobody").withExec(args: ["stat", "-c", "%U", "/src/hello.py"]).stdout"# => r#""nobody\n""#)]
#[example(r#"container.withMountedDirectory(path: "/m", source: directory.withNewFile(path: "a", contents: "")).withDirectory(path: "/m", source: directory.withNewFile(path: "b", contents: "")).rootfs.glob(pattern: "**")"# => r#"["m/", "m/b"]"#)]
pub struct WithDirectory {
    /// Where. Made (0755) if missing.
    path: String,
    /// What.
    source: Ref<Directory>,
    /// Patterns of what is left out, as in `.dockerignore`.
    #[arg(default = "[]")]
    exclude: Vec<String>,
    /// Patterns of what is copied; all if empty.
    #[arg(default = "[]")]
    include: Vec<String>,
    /// Leave out what the source's `.gitignore` files say.
    #[arg(default = "false")]
    gitignore: bool,
    /// `user[:group]`, names or numbers; names are looked up in the container's `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
    /// Permission bits of all that is copied. Default: those of the source.
    permissions: Option<i64>,
}

impl Run for WithDirectory {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        let step_owner = Owner { spec: self.owner.into(), names: on.names_for(&path) };
        let mode = crate::objects::optional_mode(self.permissions)?;
        let selection = Selection { include: self.include, exclude: self.exclude, gitignore: self.gitignore };
        let source = self.source.object.source.clone();
        on.edited(&path, |tree, path| {
            edit(tree, Step::Merge { path: path.into(), source, selection, mode, owner: Some(step_owner) })
        })
    }
}
