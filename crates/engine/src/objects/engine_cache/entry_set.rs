//! `EngineCache.entrySet`: what the cache holds at this moment: results of operations, cache volumes, and at the end the index and what belongs to no result.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCache;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::engine_cache_entry_set::EngineCacheEntrySet;
use crate::operation::Run;

/// What the cache holds at this moment: results of operations, cache volumes, and at the end the index and what
/// belongs to no result.
#[derive(Operation)]
#[operation(on = "EngineCache", returns = "EngineCacheEntrySet!", cache = "never")]
#[example(r#"engine.localCache.entrySet.diskSpaceBytes"# => r#"like 1830452731"#)]
pub struct EntrySet {
    /// Calls with different keys look anew.
    #[arg(default = "\"\"", no_effect = "every call looks anew")]
    key: String,
}

impl Run for EntrySet {
    type On = EngineCache;
    type Output = EngineCacheEntrySet;

    async fn run(self, _: Arc<EngineCache>, cx: &Cx) -> Result<EngineCacheEntrySet, OpError> {
        let usage = cx.engine.usage().await?;
        Ok(EngineCacheEntrySet { entries: usage.entries.into_iter().map(Arc::new).collect() })
    }
}
