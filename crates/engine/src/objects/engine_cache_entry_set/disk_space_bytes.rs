//! `EngineCacheEntrySet.diskSpaceBytes`: how many bytes the entries take: the total of `kukri cache du`. What several need counts for the one that was used last.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntrySet;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many bytes the entries take: the total of `kukri cache du`. What several need counts for the one that was
/// used last.
#[derive(Operation)]
#[operation(on = "EngineCacheEntrySet", returns = "Int!")]
#[example(r#"engine.localCache.entrySet.diskSpaceBytes"# => r#"like 1830452731"#)]
pub struct DiskSpaceBytes {}

impl Run for DiskSpaceBytes {
    type On = EngineCacheEntrySet;
    type Output = i64;

    async fn run(self, on: Arc<EngineCacheEntrySet>, _: &Cx) -> Result<i64, OpError> {
        Ok(on.bytes())
    }
}
