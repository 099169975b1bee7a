//! `Host.tunnel`: ports of the client's machine that are passed on to a service.

use kukri_engine_macros::Operation;

use crate::args::Ref;
use crate::objects::inputs::PortForward;
use crate::objects::service::Service;

/// Ports of the client's machine that are passed on to a service.
#[derive(Operation)]
#[operation(
    on = "Host",
    returns = "Service!",
    cache = "session",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Tunnel {
    /// The service.
    service: Ref<Service>,
    /// Pass each exposed port on by the same number.
    #[arg(default = "false")]
    native: bool,
    /// Which ports; without `frontend`: one that is free.
    #[arg(default = "[]")]
    ports: Vec<PortForward>,
}
