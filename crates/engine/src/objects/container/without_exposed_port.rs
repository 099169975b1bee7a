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
