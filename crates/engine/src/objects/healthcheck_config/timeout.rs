//! `HealthcheckConfig.timeout`: the time after which a check has failed; `0s` if that was not said.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::HealthcheckConfig;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The time after which a check has failed; `0s` if that was not said.
#[derive(Operation)]
#[operation(on = "HealthcheckConfig", returns = "String!")]
#[example(r#"container.withDockerHealthcheck(args: ["true"], timeout: "5s").dockerHealthcheck.timeout"# => r#""5s""#)]
pub struct Timeout {}

impl Run for Timeout {
    type On = HealthcheckConfig;
    type Output = String;

    async fn run(self, on: Arc<HealthcheckConfig>, _: &Cx) -> Result<String, OpError> {
        Ok(HealthcheckConfig::text(on.check.timeout))
    }
}
