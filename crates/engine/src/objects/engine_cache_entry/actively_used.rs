//! `EngineCacheEntry.activelyUsed`: whether `prune` leaves the entry alone.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Whether `prune` leaves the entry alone: something that runs now uses it, or a session that is open may be about to, since
/// it was made or used after the first of them began. The engine always uses the index.
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
