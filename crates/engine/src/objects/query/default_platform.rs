//! `Query.defaultPlatform`: the platform of the engine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The platform of the engine.
#[derive(Operation)]
#[operation(on = "Query", returns = "Platform!")]
#[example(r#"defaultPlatform"# => r#""linux/…""#)]
pub struct DefaultPlatform {}

impl Run for DefaultPlatform {
    type On = Query;
    type Output = String;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<String, OpError> {
        Ok(kukri_model::Platform::host().to_string())
    }
}
