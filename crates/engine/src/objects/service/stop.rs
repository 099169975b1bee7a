//! `Service.stop`: stops the service.

use kukri_engine_macros::Operation;

/// Stops the service.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "ID!",
    expected = "Service",
    cache = "never",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Stop {
    /// Kill it at once instead of asking it to end and waiting for 10 seconds.
    #[arg(default = "false")]
    kill: bool,
}
