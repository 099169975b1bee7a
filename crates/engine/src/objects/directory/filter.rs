//! `Directory.filter`: keeps only some entries.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::{Selection, Step};

/// Keeps only some entries.
#[derive(Operation)]
#[operation(on = "Directory", returns = "Directory!")]
#[example(r#"host.directory(path: ".", include: ["src", "tests"]).filter(include: ["**/test_*.py"]).glob(pattern: "**")"# => r#"["tests/", "tests/test_hello.py"]"#)]
#[example(r#"directory.withNewFile(path: "a.py", contents: "").withNewFile(path: "a.pyc", contents: "").withNewFile(path: "keep.pyc", contents: "").filter(exclude: ["*.pyc", "!keep.pyc"]).entries"# => r#"["a.py", "keep.pyc"]"#)]
#[example(r#"directory.withNewFile(path: ".gitignore", contents: "*.log\n").withNewFile(path: "app.py", contents: "").withNewFile(path: "app.log", contents: "").filter(gitignore: true).entries"# => r#"[".gitignore", "app.py"]"#)]
pub struct Filter {
    /// Patterns of what is left out, as in `.dockerignore`.
    #[arg(default = "[]")]
    exclude: Vec<String>,
    /// Patterns of what stays; all if empty.
    #[arg(default = "[]")]
    include: Vec<String>,
    /// Leave out what `.gitignore` files say.
    #[arg(default = "false")]
    gitignore: bool,
}

impl Run for Filter {
    type On = Directory;
    type Output = Directory;

    async fn run(self, on: Arc<Directory>, _: &Cx) -> Result<Directory, OpError> {
        let selection = Selection { include: self.include, exclude: self.exclude, gitignore: self.gitignore };
        Ok(on.edited(Step::Filter(selection)))
    }
}
