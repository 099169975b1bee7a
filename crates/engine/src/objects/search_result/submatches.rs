//! `SearchResult.submatches`: the places in these lines that match.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchResult;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::search_submatch::SearchSubmatch;
use crate::operation::Run;

/// The places in these lines that match.
#[derive(Operation)]
#[operation(on = "SearchResult", returns = "[SearchSubmatch!]!")]
#[example(r#"file(name: "notes.txt", contents: "one two one\n").search(pattern: "one").submatches.start"# => r#"[[0, 8]]"#)]
pub struct Submatches {}

impl Run for Submatches {
    type On = SearchResult;
    type Output = Vec<SearchSubmatch>;

    async fn run(self, on: Arc<SearchResult>, _: &Cx) -> Result<Vec<SearchSubmatch>, OpError> {
        Ok((0..on.found.parts.len()).map(|at| SearchSubmatch { found: Arc::clone(&on.found), at }).collect())
    }
}
