//! `Container.withDefaultTerminalCmd`: sets the command that terminals start.

use kukri_engine_macros::Operation;

/// Sets the command that terminals start.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Container!",
    unavailable = "terminals are not supported yet; leave this step out"
)]
pub struct WithDefaultTerminalCmd {
    /// The command.
    args: Vec<String>,
    /// Give the command a session of its own to this engine.
    #[arg(default = "false")]
    experimental_privileged_nesting: bool,
    /// Run with all capabilities and devices.
    #[arg(default = "false")]
    insecure_root_capabilities: bool,
}
