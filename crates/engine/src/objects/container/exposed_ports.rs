//! `Container.exposedPorts`: the exposed ports: of the image, and those added since.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::port::Port;
use crate::operation::Run;

/// The exposed ports: of the image, and those added since.
#[derive(Operation)]
#[operation(on = "Container", returns = "[Port!]!")]
#[example(r#"container.withExposedPort(port: 8080).withExposedPort(port: 9090).exposedPorts.port"# => r#"[8080, 9090]"#)]
pub struct ExposedPorts {}

impl Run for ExposedPorts {
    type On = Container;
    type Output = Vec<Port>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Vec<Port>, OpError> {
        Ok(on.all_ports())
    }
}
