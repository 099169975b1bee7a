//! `Directory.glob`: the paths that match a pattern, in lexical walk order; those of directories end with `/`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::error::OrFail;
use crate::objects;
use crate::operation::Run;

/// The paths that match a pattern, in lexical walk order; those of directories end with `/`.
#[derive(Operation)]
#[operation(on = "Directory", returns = "[String!]!")]
#[example(r#"host.directory(path: ".", include: ["src", "tests"]).glob(pattern: "**/*.py")"# => r#"["src/hello.py", "tests/test_hello.py"]"#)]
#[example(r#"host.directory(path: "src").glob(pattern: "*.rs")"# => r#"[]"#)]
pub struct Glob {
    /// As in `.dockerignore`: `*.md`, `**/*.py`.
    pattern: String,
}

impl Run for Glob {
    type On = Directory;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<Vec<String>, OpError> {
        objects::read_directory(cx, &on.source, move |store, tree| {
            kukri_tree::glob(store, tree, &self.pattern).or_fail()
        })
        .await
    }
}
