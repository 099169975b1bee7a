//! `Service.ports`: the ports that the service listens on.

use kukri_engine_macros::Operation;

/// The ports that the service listens on.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "[Port!]!",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Ports {}
