//! `Port.protocol`: the transport protocol.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::NetworkProtocol;
use super::Port;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The transport protocol.
#[derive(Operation)]
#[operation(on = "Port", returns = "NetworkProtocol!")]
#[example(r#"container.withExposedPort(port: 53, protocol: UDP).withExposedPort(port: 80).exposedPorts.protocol"# => r#"["UDP", "TCP"]"#)]
pub struct Protocol {}

impl Run for Protocol {
    type On = Port;
    type Output = NetworkProtocol;

    async fn run(self, on: Arc<Port>, _: &Cx) -> Result<NetworkProtocol, OpError> {
        Ok(on.detail.protocol)
    }
}
