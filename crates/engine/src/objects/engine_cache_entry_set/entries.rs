//! `EngineCacheEntrySet.entries`: the entries: results, then volumes, each with those on top that were used last, then the rest.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntrySet;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::engine_cache_entry::EngineCacheEntry;
use crate::operation::Run;

/// The entries: results, then volumes, each with those on top that were used last, then the rest.
#[derive(Operation)]
#[operation(on = "EngineCacheEntrySet", returns = "[EngineCacheEntry!]!")]
#[example(r#"engine.localCache.entrySet.entries.description"# => r#"like ["uname -a", "docker.io/library/alpine:3.20"]"#)]
pub struct Entries {}

impl Run for Entries {
    type On = EngineCacheEntrySet;
    type Output = Vec<EngineCacheEntry>;

    async fn run(self, on: Arc<EngineCacheEntrySet>, _: &Cx) -> Result<Vec<EngineCacheEntry>, OpError> {
        Ok(on.entries.iter().map(|entry| EngineCacheEntry { entry: Arc::clone(entry) }).collect())
    }
}
