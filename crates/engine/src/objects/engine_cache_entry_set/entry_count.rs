//! `EngineCacheEntrySet.entryCount`: how many entries there are.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntrySet;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many entries there are.
#[derive(Operation)]
#[operation(on = "EngineCacheEntrySet", returns = "Int!")]
#[example(r#"engine.localCache.entrySet.entryCount"# => r#"like 421"#)]
pub struct EntryCount {}

impl Run for EntryCount {
    type On = EngineCacheEntrySet;
    type Output = i64;

    async fn run(self, on: Arc<EngineCacheEntrySet>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.entries.len()).unwrap_or(i64::MAX))
    }
}
