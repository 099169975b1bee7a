//! `SearchSubmatch.start`: where it begins in the matched lines, in bytes.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchSubmatch;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Where it begins in the matched lines, in bytes.
#[derive(Operation)]
#[operation(on = "SearchSubmatch", returns = "Int!")]
#[example(r#"file(name: "notes.txt", contents: "one two one\n").search(pattern: "one").submatches.start"# => r#"[[0, 8]]"#)]
pub struct Start {}

impl Run for Start {
    type On = SearchSubmatch;
    type Output = i64;

    async fn run(self, on: Arc<SearchSubmatch>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.part().start).unwrap_or(i64::MAX))
    }
}
