//! `Directory.entries`: the names in the directory, sorted; those of directories end with `/`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::error::OrFail;
use crate::objects;
use crate::operation::Run;

/// The names in the directory, sorted; those of directories end with `/`.
#[derive(Operation)]
#[operation(on = "Directory", returns = "[String!]!")]
#[example(r#"host.directory(path: ".", include: ["**/*.py", "*.md"]).entries"# => r#"["README.md", "src/", "tests/"]"#)]
#[example(r#"host.directory(path: ".").entries(path: "src")"# => r#"["hello.py"]"#)]
pub struct Entries {
    /// A directory below. Default: this one.
    path: Option<String>,
}

impl Run for Entries {
    type On = Directory;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<Vec<String>, OpError> {
        let path = self.path.unwrap_or_default();
        objects::read_directory(cx, &on.source, move |store, tree| {
            kukri_tree::entries(store, tree, objects::below("", &path)).or_fail()
        })
        .await
    }
}
