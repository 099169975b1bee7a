//! `HealthcheckConfig.args`: the command; where a shell runs it, its only element.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::HealthcheckConfig;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The command; where a shell runs it, its only element.
#[derive(Operation)]
#[operation(on = "HealthcheckConfig", returns = "[String!]!")]
#[example(r#"container.withDockerHealthcheck(args: ["wget", "-q", "localhost"]).dockerHealthcheck.args"# => r#"["wget", "-q", "localhost"]"#)]
pub struct Args {}

impl Run for Args {
    type On = HealthcheckConfig;
    type Output = Vec<String>;

    async fn run(self, on: Arc<HealthcheckConfig>, _: &Cx) -> Result<Vec<String>, OpError> {
        Ok(on.args.clone())
    }
}
