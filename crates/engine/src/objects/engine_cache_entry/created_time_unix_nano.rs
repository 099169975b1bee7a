//! `EngineCacheEntry.createdTimeUnixNano`: when the entry was made: nanoseconds since 1970.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCacheEntry;
use super::nanoseconds;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// When the entry was made: nanoseconds since 1970.
#[derive(Operation)]
#[operation(on = "EngineCacheEntry", returns = "Int!")]
#[example(r#"engine.localCache.entrySet.entries.createdTimeUnixNano"# => r#"like [1760000000000000000]"#)]
pub struct CreatedTimeUnixNano {}

impl Run for CreatedTimeUnixNano {
    type On = EngineCacheEntry;
    type Output = i64;

    async fn run(self, on: Arc<EngineCacheEntry>, _: &Cx) -> Result<i64, OpError> {
        Ok(nanoseconds(on.entry.created))
    }
}
