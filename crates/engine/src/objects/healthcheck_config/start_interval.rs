//! `HealthcheckConfig.startInterval`: the time between two checks after the start; `0s` if that was not said.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::HealthcheckConfig;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The time between two checks after the start; `0s` if that was not said.
#[derive(Operation)]
#[operation(on = "HealthcheckConfig", returns = "String!")]
#[example(r#"container.withDockerHealthcheck(args: ["true"], startInterval: "500ms").dockerHealthcheck.startInterval"# => r#""500ms""#)]
pub struct StartInterval {}

impl Run for StartInterval {
    type On = HealthcheckConfig;
    type Output = String;

    async fn run(self, on: Arc<HealthcheckConfig>, _: &Cx) -> Result<String, OpError> {
        Ok(HealthcheckConfig::text(on.check.start_interval))
    }
}
