//! `Query.engine`: the engine that answers.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::engine::Engine;
use crate::operation::Run;

/// The engine that answers.
#[derive(Operation)]
#[operation(on = "Query", returns = "Engine!", name = "engine")]
#[example(r#"engine.localCache.entrySet.entryCount"# => r#"like 421"#)]
pub struct GetEngine {}

impl Run for GetEngine {
    type On = Query;
    type Output = Engine;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<Engine, OpError> {
        Ok(Engine)
    }
}
