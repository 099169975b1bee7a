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
pub struct Start {}

impl Run for Start {
    type On = SearchSubmatch;
    type Output = i64;

    async fn run(self, on: Arc<SearchSubmatch>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.part.start).unwrap_or(i64::MAX))
    }
}
