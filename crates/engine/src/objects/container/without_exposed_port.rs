//! `Container.withoutExposedPort`: removes an exposed port, whether the image or a step exposed it.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::ApiEnum;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::port::NetworkProtocol;
use crate::operation::Run;

/// Removes an exposed port, whether the image or a step exposed it.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withExposedPort(port: 8080).withExposedPort(port: 9090).withoutExposedPort(port: 8080).exposedPorts.port"# => r#"[9090]"#)]
#[example(r#"container.withExposedPort(port: 53).withExposedPort(port: 53, protocol: UDP).withoutExposedPort(port: 53, protocol: UDP).exposedPorts.protocol"# => r#"["TCP"]"#)]
pub struct WithoutExposedPort {
    /// The port.
    port: i64,
    /// Its transport protocol.
    #[arg(default = "TCP")]
    protocol: NetworkProtocol,
}

impl Run for WithoutExposedPort {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let protocol = self.protocol.name().to_lowercase();
        let mut next = on.configured(|config| {
            config
                .exposed_ports
                .retain(|port| i64::from(port.port) != self.port || port.protocol != protocol);
        });
        Arc::make_mut(&mut next.ports)
            .retain(|detail| i64::from(detail.port) != self.port || detail.protocol != self.protocol);
        Ok(next)
    }
}
