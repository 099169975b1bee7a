//! `File.search`: searches the content of the file, as ripgrep does. Results have the file's name as their path.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::Query;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::search::search;
use crate::objects::search_result::SearchResult;
use crate::operation::Run;
use crate::vertex::edit::Source;

/// Searches the content of the file, as ripgrep does. Results have the file's name as their path.
#[derive(Operation)]
#[operation(on = "File", returns = "[SearchResult!]!")]
#[example(r#"host.file(path: "README.md").search(pattern: "small").lineNumber"# => r#"[3]"#)]
pub struct Search {
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
    /// Without effect but for errors: the only path is the file's name.
    #[arg(default = "[]")]
    paths: Vec<String>,
    /// Which files are searched, as `rg --glob`: `*.md`, `!*.min.js`. Default: the file.
    #[arg(default = "[]")]
    globs: Vec<String>,
}

impl Run for Search {
    type On = File;
    type Output = Vec<SearchResult>;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<Vec<SearchResult>, OpError> {
        // The file alone in a directory; without a choice it is named, and so searched whatever it is.
        let chosen = !self.paths.is_empty() || !self.globs.is_empty();
        let paths = if chosen { self.paths } else { vec![on.name().to_owned()] };
        let query = Query {
            pattern: self.pattern,
            literal: self.literal,
            multiline: self.multiline,
            dotall: self.dotall,
            insensitive: self.insensitive,
            skip_ignored: self.skip_ignored,
            skip_hidden: self.skip_hidden,
            files_only: self.files_only,
            paths,
            globs: self.globs,
        };
        let root = Source { tree: on.alone_in_tree(), path: "".into() };
        search(cx, &root, query, self.limit).await
    }
}
