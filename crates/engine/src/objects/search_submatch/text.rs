//! `SearchSubmatch.text`: what is there.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::SearchSubmatch;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// What is there.
#[derive(Operation)]
#[operation(on = "SearchSubmatch", returns = "String!")]
#[example(r#"file(name: "notes.txt", contents: "a1 b2\n").search(pattern: "[a-z]\\d").submatches.text"# => r#"[["a1", "b2"]]"#)]
pub struct Text {}

impl Run for Text {
    type On = SearchSubmatch;
    type Output = String;

    async fn run(self, on: Arc<SearchSubmatch>, _: &Cx) -> Result<String, OpError> {
        Ok(on.part().text.clone())
    }
}
