//! `Port.experimentalSkipHealthcheck`: whether nobody waits for it to accept connections.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Port;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Whether nobody waits for it to accept connections.
#[derive(Operation)]
#[operation(on = "Port", returns = "Boolean!")]
#[example(r#"container.withExposedPort(port: 8080, experimentalSkipHealthcheck: true).withExposedPort(port: 9090).exposedPorts.experimentalSkipHealthcheck"# => r#"[true, false]"#)]
pub struct ExperimentalSkipHealthcheck {}

impl Run for ExperimentalSkipHealthcheck {
    type On = Port;
    type Output = bool;

    async fn run(self, on: Arc<Port>, _: &Cx) -> Result<bool, OpError> {
        Ok(on.detail.skip_healthcheck)
    }
}
