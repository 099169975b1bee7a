//! `Port.port`: the number.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Port;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The number.
#[derive(Operation)]
#[operation(on = "Port", returns = "Int!", name = "port")]
#[example(r#"container.withExposedPort(port: 8080).withExposedPort(port: 9090).exposedPorts.port"# => r#"[8080, 9090]"#)]
pub struct Number {}

impl Run for Number {
    type On = Port;
    type Output = i64;

    async fn run(self, on: Arc<Port>, _: &Cx) -> Result<i64, OpError> {
        Ok(i64::from(on.detail.port))
    }
}
