//! `EngineCacheEntry.activelyUsed`: whether something that runs now uses the entry; the engine always uses the index.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Whether something that runs now uses the entry; the engine always uses the index.
#[derive(Operation)]
#[operation(on = "EngineCacheEntry", returns = "Boolean!")]
#[example(r#"engine.localCache.entrySet.entries.activelyUsed"# => r#"like [false, true]"#)]
pub struct ActivelyUsed {}

impl Run for ActivelyUsed {
    type On = EngineCacheEntry;
    type Output = bool;

    async fn run(self, on: Arc<EngineCacheEntry>, _: &Cx) -> Result<bool, OpError> {
        Ok(on.entry.in_use)
    }
}
