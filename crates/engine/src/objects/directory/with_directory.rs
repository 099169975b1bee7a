//! `Directory.withDirectory`: copies the contents of a directory into a directory, merging with what is there.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use super::checked;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Owner, Selection, Step};

/// Copies the contents of a directory into a directory, merging with what is there.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"directory.withNewFile(path: "README.md", contents: "").withDirectory(path: "app", source: host.directory(path: "src")).glob(pattern: "**")"# => r#"["README.md", "app/", "app/hello.py"]"#)]
#[example(r#"directory.withDirectory(path: "/", source: host.directory(path: "."), include: ["**/*.py"], exclude: ["tests"]).glob(pattern: "**")"# => r#"["src/", "src/hello.py"]"#)]
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
    /// `user[:group]` of all that is copied; names are looked up in the directory's own `/etc/passwd`. Empty: the source's.
    #[arg(default = "\"\"")]
    owner: String,
    /// Permission bits of all that is copied. Default: those of the source.
    permissions: Option<i64>,
}

impl Run for WithDirectory {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let owner = (!self.owner.is_empty()).then(|| Owner { spec: self.owner.into(), names: None });
        let step = Step::Merge {
            path: checked(&self.path)?,
            source: self.source.object.source.clone(),
            selection: Selection { include: self.include, exclude: self.exclude, gitignore: self.gitignore },
            mode: crate::objects::optional_mode(self.permissions)?,
            owner,
        };
        Ok(on.edited(step))
    }
}
