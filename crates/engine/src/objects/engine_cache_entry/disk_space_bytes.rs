//! `EngineCacheEntry.diskSpaceBytes`: how many bytes the entry takes beside what entries need that were used later.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many bytes the entry takes beside what entries need that were used later.
#[derive(Operation)]
#[operation(on = "EngineCacheEntry", returns = "Int!")]
#[example(r#"engine.localCache.entrySet.entries.diskSpaceBytes"# => r#"like [0, 8011776]"#)]
pub struct DiskSpaceBytes {}

impl Run for DiskSpaceBytes {
    type On = EngineCacheEntry;
    type Output = i64;

    async fn run(self, on: Arc<EngineCacheEntry>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::try_from(on.entry.bytes).unwrap_or(i64::MAX))
    }
}
