//! `SearchResult.matchedLines`: the lines in which the match lies, with their ends. Bytes that are not UTF-8 are replaced.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchResult;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The lines in which the match lies, with their ends. Bytes that are not UTF-8 are replaced.
#[derive(Operation)]
#[operation(on = "SearchResult", returns = "String!")]
#[example(r#"file(name: "notes.txt", contents: "one\ntwo\n").search(pattern: "w").matchedLines"# => r#"["two\n"]"#)]
pub struct MatchedLines {}

impl Run for MatchedLines {
    type On = SearchResult;
    type Output = String;

    async fn run(self, on: Arc<SearchResult>, _: &Cx) -> Result<String, OpError> {
        Ok(on.found.lines.clone())
    }
}
