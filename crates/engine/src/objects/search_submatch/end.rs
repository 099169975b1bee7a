//! `SearchSubmatch.end`: where it ends in the matched lines, in bytes.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchSubmatch;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Where it ends in the matched lines, in bytes.
#[derive(Operation)]
#[operation(on = "SearchSubmatch", returns = "Int!")]
#[example(r#"file(name: "notes.txt", contents: "one two one\n").search(pattern: "one").submatches.end"# => r#"[[3, 11]]"#)]
pub struct End {}

impl Run for End {
    type On = SearchSubmatch;
    type Output = i64;

    async fn run(self, on: Arc<SearchSubmatch>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.part().end).unwrap_or(i64::MAX))
    }
}
