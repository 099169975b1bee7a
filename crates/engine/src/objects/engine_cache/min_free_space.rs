//! `EngineCache.minFreeSpace`: how many bytes of the disk the collector leaves free.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCache;
use super::space;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many bytes of the disk the collector leaves free.
#[derive(Operation)]
#[operation(on = "EngineCache", returns = "Int!", cache = "never")]
#[example(r#"engine.localCache.minFreeSpace"# => r#"like 20000000000"#)]
pub struct MinFreeSpace {}

impl Run for MinFreeSpace {
    type On = EngineCache;
    type Output = i64;

    async fn run(self, _: Arc<EngineCache>, cx: &Cx) -> Result<i64, OpError> {
        Ok(space(cx.engine.store_budget().await?.min_free_bytes))
    }
}
