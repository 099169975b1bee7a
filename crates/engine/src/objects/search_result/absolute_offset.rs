//! `SearchResult.absoluteOffset`: where the first line begins in the file, in bytes.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchResult;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Where the first line begins in the file, in bytes.
#[derive(Operation)]
#[operation(on = "SearchResult", returns = "Int!")]
#[example(r#"file(name: "notes.txt", contents: "one\ntwo\n").search(pattern: "two").absoluteOffset"# => r#"[4]"#)]
pub struct AbsoluteOffset {}

impl Run for AbsoluteOffset {
    type On = SearchResult;
    type Output = i64;

    async fn run(self, on: Arc<SearchResult>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.found.offset).unwrap_or(i64::MAX))
    }
}
