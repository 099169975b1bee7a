//! `Host.service`: a service of the client's machine, for containers.

use kukri_engine_macros::Operation;

use crate::objects::inputs::PortForward;

/// A service of the client's machine, for containers.
#[derive(Operation)]
#[operation(
    on = "Host",
    returns = "Service!",
    cache = "session",
    unavailable = "containers cannot reach services of the client's machine yet; give addresses that containers can reach themselves"
)]
pub struct Service {
    /// Which ports; `frontend` is what containers use, `backend` what the host listens on.
    ports: Vec<PortForward>,
    /// Where it listens, seen from the client.
    #[arg(default = "\"localhost\"")]
    host: String,
}
