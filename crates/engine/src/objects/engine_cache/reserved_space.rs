//! `EngineCache.reservedSpace`: how many bytes the collector always leaves in the cache: none, 0.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EngineCache;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many bytes the collector always leaves in the cache: none, 0.
#[derive(Operation)]
#[operation(on = "EngineCache", returns = "Int!")]
#[example(r#"engine.localCache.reservedSpace"# => r#"0"#)]
pub struct ReservedSpace {}

impl Run for ReservedSpace {
    type On = EngineCache;
    type Output = i64;

    async fn run(self, _: Arc<EngineCache>, _: &Cx) -> Result<i64, OpError> {
        Ok(0)
    }
}
