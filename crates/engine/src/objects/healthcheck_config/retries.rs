//! `HealthcheckConfig.retries`: how many failures in a row make the container unhealthy; 0 if that was not said.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::HealthcheckConfig;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// How many failures in a row make the container unhealthy; 0 if that was not said.
#[derive(Operation)]
#[operation(on = "HealthcheckConfig", returns = "Int!")]
#[example(r#"container.withDockerHealthcheck(args: ["true"], retries: 3).dockerHealthcheck.retries"# => r#"3"#)]
pub struct Retries {}

impl Run for Retries {
    type On = HealthcheckConfig;
    type Output = i64;

    async fn run(self, on: Arc<HealthcheckConfig>, _: &Cx) -> Result<i64, OpError> {
        Ok(on.check.retries)
    }
}
