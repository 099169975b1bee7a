//! `HealthcheckConfig.startPeriod`: the time after the start in which failures do not count; `0s` if that was not said.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::HealthcheckConfig;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The time after the start in which failures do not count; `0s` if that was not said.
#[derive(Operation)]
#[operation(on = "HealthcheckConfig", returns = "String!")]
#[example(r#"container.withDockerHealthcheck(args: ["true"], startPeriod: "20s").dockerHealthcheck.startPeriod"# => r#""20s""#)]
pub struct StartPeriod {}

impl Run for StartPeriod {
    type On = HealthcheckConfig;
    type Output = String;

    async fn run(self, on: Arc<HealthcheckConfig>, _: &Cx) -> Result<String, OpError> {
        Ok(HealthcheckConfig::text(on.check.start_period))
    }
}
