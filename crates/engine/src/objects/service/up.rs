//! `Service.up`: starts the service, passes ports of the client's machine on to it, and waits until the caller goes away.

use kukri_engine_macros::Operation;

use crate::objects::inputs::PortForward;

/// Starts the service, passes ports of the client's machine on to it, and waits until the caller goes away.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "Void",
    cache = "never",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Up {
    /// Which ports. Default: each exposed port by the same number.
    #[arg(default = "[]")]
    ports: Vec<PortForward>,
    /// Listen on ports that happen to be free.
    #[arg(default = "false")]
    random: bool,
}
