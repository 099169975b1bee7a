//! `Container.dockerHealthcheck`: how to find out whether the container is healthy.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::healthcheck_config::HealthcheckConfig;
use crate::operation::Run;

/// How to find out whether the container is healthy; null if nothing says so.
#[derive(Operation)]
#[operation(on = "Container", returns = "HealthcheckConfig")]
#[example(r#"container.withDockerHealthcheck(args: ["true"], retries: 3).dockerHealthcheck.retries"# => r#"3"#)]
pub struct DockerHealthcheck {}

impl Run for DockerHealthcheck {
    type On = Container;
    type Output = Option<HealthcheckConfig>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Option<HealthcheckConfig>, OpError> {
        Ok(on.config.healthcheck.as_ref().and_then(HealthcheckConfig::of))
    }
}
