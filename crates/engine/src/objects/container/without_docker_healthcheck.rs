//! `Container.withoutDockerHealthcheck`: removes the health check, whether the image or a step brought it.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes the health check, whether the image or a step brought it.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withDockerHealthcheck(args: ["true"]).withoutDockerHealthcheck.dockerHealthcheck.args"# => r#"raises "null""#)]
pub struct WithoutDockerHealthcheck {}

impl Run for WithoutDockerHealthcheck {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| config.healthcheck = None))
    }
}
