//! `SearchResult.lineNumber`: number of the first line, from 1; 0 when only files were asked for.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchResult;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Number of the first line, from 1; 0 when only files were asked for.
#[derive(Operation)]
#[operation(on = "SearchResult", returns = "Int!")]
#[example(r#"file(name: "notes.txt", contents: "one\ntwo\n").search(pattern: "two").lineNumber"# => r#"[2]"#)]
pub struct LineNumber {}

impl Run for LineNumber {
    type On = SearchResult;
    type Output = i64;

    async fn run(self, on: Arc<SearchResult>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.found.line_number).unwrap_or(i64::MAX))
    }
}
