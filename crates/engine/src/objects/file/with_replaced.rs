//! `File.withReplaced`: replaces a text. If it is there several times, `all` or `firstFrom` must say which is meant; if it is not there, that is

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_tree::Occurrences;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Step;

/// Replaces a text. If it is there several times, `all` or `firstFrom` must say which is meant; if it is not there, that is
/// an error.
#[derive(Operation)]
#[operation(on = "File", returns = "File!")]
#[example(r#"file(name: "version.py", contents: "VERSION = '0.1'\n").withReplaced(search: "0.1", replacement: "0.2").contents"# => r#""VERSION = '0.2'\n""#)]
#[example(r#"file(name: "a.txt", contents: "one one").withReplaced(search: "one", replacement: "two").contents"# => r#"raises "one""#)]
#[example(r#"file(name: "a.txt", contents: "one one").withReplaced(search: "one", replacement: "two", all: true).contents"# => r#""two two""#)]
pub struct WithReplaced {
    /// What is replaced, as plain text.
    search: String,
    /// By what.
    replacement: String,
    /// Replace every occurrence.
    #[arg(default = "false")]
    all: bool,
    /// Replace the first occurrence that begins in this line, counted from 1, or later.
    first_from: Option<i64>,
}

impl Run for WithReplaced {
    type On = File;
    type Output = File;

    async fn run(self, on: Arc<File>, _: &Cx) -> Result<File, OpError> {
        let from_line = self.first_from.map(u64::try_from).transpose();
        let from_line = from_line.map_err(|_| OpError::new("firstFrom must not be negative"))?;
        let which = Occurrences { all: self.all, from_line };
        let (search, replacement) = (self.search.into(), self.replacement.into());
        Ok(on.alone(Step::Replace { path: on.name().into(), search, replacement, which }))
    }
}
