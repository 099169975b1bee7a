//! `Engine.localCache`: what the engine keeps on its machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Engine;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::engine_cache::EngineCache;
use crate::operation::Run;

/// What the engine keeps on its machine.
#[derive(Operation)]
#[operation(on = "Engine", returns = "EngineCache!")]
#[example(r#"engine.localCache.maxUsedSpace"# => r#"like 75000000000"#)]
pub struct LocalCache {}

impl Run for LocalCache {
    type On = Engine;
    type Output = EngineCache;

    async fn run(self, _: Arc<Engine>, _: &Cx) -> Result<EngineCache, OpError> {
        Ok(EngineCache)
    }
}
