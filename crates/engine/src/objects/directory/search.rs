//! `Directory.search`: searches the contents of files, as ripgrep does, in the order of their paths.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::Query;

use super::Directory;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::search::search;
use crate::objects::search_result::SearchResult;
use crate::operation::Run;

/// Searches the contents of files, as ripgrep does, in the order of their paths.
///
/// Binary files are left out, and links are not followed, except where `paths` names them.
#[derive(Operation)]
#[operation(on = "Directory", returns = "[SearchResult!]!")]
#[example(r#"host.directory(path: ".", include: ["src", "tests"]).search(pattern: "def \\w+").filePath"# => r#"["src/hello.py", "tests/test_hello.py"]"#)]
#[example(r#"host.directory(path: ".", include: ["src", "tests"]).search(pattern: "HELLO(", literal: true, insensitive: true, globs: ["test_*"]).lineNumber"# => r#"[4, 5]"#)]
#[example(r#"host.directory(path: ".", include: ["src", "tests"]).search(pattern: "hello", filesOnly: true, paths: ["tests"]).filePath"# => r#"["tests/test_hello.py"]"#)]
pub struct Search {
    /// Files and directories that are searched. Default: all.
    #[arg(default = "[]")]
    paths: Vec<String>,
    /// Which files are searched, as `rg --glob`: `*.md`, `!*.min.js`. Default: all.
    #[arg(default = "[]")]
    globs: Vec<String>,
    /// What is searched for: a regular expression in Rust's syntax.
    pattern: String,
    /// Take the pattern as plain text.
    #[arg(default = "false")]
    literal: bool,
    /// Let matches go over several lines.
    #[arg(default = "false")]
    multiline: bool,
    /// Let `.` match the end of a line too, with `multiline`.
    #[arg(default = "false")]
    dotall: bool,
    /// Let upper and lower case be equal.
    #[arg(default = "false")]
    insensitive: bool,
    /// Leave out what `.gitignore`, `.ignore` and `.rgignore` files say.
    #[arg(default = "false")]
    skip_ignored: bool,
    /// Leave out files and directories whose names begin with a dot.
    #[arg(default = "false")]
    skip_hidden: bool,
    /// Only tell which files match: without lines and places.
    #[arg(default = "false")]
    files_only: bool,
    /// Most results. Default: all.
    limit: Option<i64>,
}

impl Run for Search {
    type On = Directory;
    type Output = Vec<SearchResult>;

    async fn run(self, on: Arc<Directory>, cx: &Cx) -> Result<Vec<SearchResult>, OpError> {
        let query = Query {
            pattern: self.pattern,
            literal: self.literal,
            multiline: self.multiline,
            dotall: self.dotall,
            insensitive: self.insensitive,
            skip_ignored: self.skip_ignored,
            skip_hidden: self.skip_hidden,
            files_only: self.files_only,
            paths: self.paths,
            globs: self.globs,
        };
        search(cx, &on.source, query, self.limit).await
    }
}
