//! `Service.withHostname`: gives the service a fixed name in the network.

use kukri_engine_macros::Operation;

/// Gives the service a fixed name in the network.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "Service!",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct WithHostname {
    /// The name.
    hostname: String,
}
