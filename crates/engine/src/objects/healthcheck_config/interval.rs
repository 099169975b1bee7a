//! `HealthcheckConfig.interval`: the time between two checks, such as `30s`; `0s` if that was not said.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::HealthcheckConfig;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The time between two checks, such as `30s`; `0s` if that was not said.
#[derive(Operation)]
#[operation(on = "HealthcheckConfig", returns = "String!")]
#[example(r#"container.withDockerHealthcheck(args: ["true"], interval: "90s").dockerHealthcheck.interval"# => r#""1m30s""#)]
pub struct Interval {}

impl Run for Interval {
    type On = HealthcheckConfig;
    type Output = String;

    async fn run(self, on: Arc<HealthcheckConfig>, _: &Cx) -> Result<String, OpError> {
        Ok(HealthcheckConfig::text(on.check.interval))
    }
}
