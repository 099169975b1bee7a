//! `Service.terminal`: opens a terminal in the container of the service.

use kukri_engine_macros::Operation;

/// Opens a terminal in the container of the service.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "Service!",
    cache = "never",
    unavailable = "terminals are not supported yet; run commands with withExec"
)]
pub struct Terminal {
    /// The command in place of the container's default for terminals.
    #[arg(default = "[]")]
    cmd: Vec<String>,
}
