//! `Container.withExposedPort`: says that the container listens on a port.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_oci::image::ExposedPort;

use super::Container;
use crate::args::ApiEnum;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::port::{NetworkProtocol, PortDetail};
use crate::operation::Run;

/// Says that the container listens on a port.
///
/// The same port and protocol given again replace the first.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withExposedPort(port: 8080, description: "web").exposedPorts.port"# => r#"[8080]"#)]
#[example(r#"container.withExposedPort(port: 53).withExposedPort(port: 53, protocol: UDP).exposedPorts.protocol"# => r#"["TCP", "UDP"]"#)]
pub struct WithExposedPort {
    /// 1 to 65535.
    port: i64,
    /// Transport protocol.
    #[arg(default = "TCP")]
    protocol: NetworkProtocol,
    /// What is behind it.
    description: Option<String>,
    /// Do not wait for the port to accept connections when run as a service.
    #[arg(default = "false", no_effect = "there are no services to wait for yet; exposedPorts shows it")]
    experimental_skip_healthcheck: bool,
}

impl Run for WithExposedPort {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let port = u16::try_from(self.port)
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| OpError::new(format!("{}: not a port (expected 1 to 65535)", self.port)))?;
        let mut next = on.configured(|config| {
            config.exposed_ports.insert(ExposedPort { port, protocol: self.protocol.name().to_lowercase() });
        });
        let details = Arc::make_mut(&mut next.ports);
        details.retain(|detail| (detail.port, detail.protocol) != (port, self.protocol));
        details.push(PortDetail {
            port,
            protocol: self.protocol,
            description: self.description,
            skip_healthcheck: self.experimental_skip_healthcheck,
        });
        Ok(next)
    }
}
