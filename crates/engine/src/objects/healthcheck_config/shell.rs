//! `HealthcheckConfig.shell`: whether the container's shell runs the command.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::HealthcheckConfig;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Whether the container's shell runs the command.
#[derive(Operation)]
#[operation(on = "HealthcheckConfig", returns = "Boolean!")]
#[example(r#"container.withDockerHealthcheck(args: ["wget -q localhost || exit 1"], shell: true).dockerHealthcheck.shell"# => r#"true"#)]
pub struct Shell {}

impl Run for Shell {
    type On = HealthcheckConfig;
    type Output = bool;

    async fn run(self, on: Arc<HealthcheckConfig>, _: &Cx) -> Result<bool, OpError> {
        Ok(on.shell)
    }
}
