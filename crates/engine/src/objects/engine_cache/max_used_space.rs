//! `EngineCache.maxUsedSpace`: how many bytes the cache may have before the collector drops what was not used for longest.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCache;
use super::space;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many bytes the cache may have before the collector drops what was not used for longest.
#[derive(Operation)]
#[operation(on = "EngineCache", returns = "Int!", cache = "never")]
#[example(r#"engine.localCache.maxUsedSpace"# => r#"like 75000000000"#)]
pub struct MaxUsedSpace {}

impl Run for MaxUsedSpace {
    type On = EngineCache;
    type Output = i64;

    async fn run(self, _: Arc<EngineCache>, cx: &Cx) -> Result<i64, OpError> {
        Ok(space(cx.engine.store_budget().await?.max_bytes))
    }
}
