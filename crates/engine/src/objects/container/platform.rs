//! `Container.platform`: what the container is built for.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// What the container is built for.
#[derive(Operation)]
#[operation(on = "Container", returns = "Platform!")]
#[example(r#"container(platform: "linux/arm64").platform"# => r#""linux/arm64""#)]
pub struct Platform {}

impl Run for Platform {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<String, OpError> {
        Ok(on.config.platform.to_string())
    }
}
