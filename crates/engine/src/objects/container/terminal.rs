//! `Container.terminal`: opens a terminal in the container, on the client's.

use kukri_engine_macros::Operation;

/// Opens a terminal in the container, on the client's.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Container!",
    cache = "never",
    unavailable = "terminals are not supported yet; run commands with withExec"
)]
#[example(r#"container.from(address: "alpine").terminal(cmd: ["sh"]).sync"# => r#"raises "run commands with withExec""#)]
pub struct Terminal {
    /// The command; empty: that of `withDefaultTerminalCmd`, else `sh`.
    #[arg(default = "[]")]
    cmd: Vec<String>,
    /// Give the command a session of its own to this engine.
    #[arg(default = "false")]
    experimental_privileged_nesting: bool,
    /// Run with all capabilities and devices.
    #[arg(default = "false")]
    insecure_root_capabilities: bool,
}
