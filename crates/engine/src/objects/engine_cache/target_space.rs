//! `EngineCache.targetSpace`: how many bytes remain when the collector had to drop something: as many as the cache may have.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCache;
use super::space;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many bytes remain when the collector had to drop something: as many as the cache may have.
#[derive(Operation)]
#[operation(on = "EngineCache", returns = "Int!", cache = "never")]
#[example(r#"engine.localCache.targetSpace"# => r#"like 75000000000"#)]
pub struct TargetSpace {}

impl Run for TargetSpace {
    type On = EngineCache;
    type Output = i64;

    async fn run(self, _: Arc<EngineCache>, cx: &Cx) -> Result<i64, OpError> {
        Ok(space(cx.engine.store_budget().await?.max_bytes))
    }
}
