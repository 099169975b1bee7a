//! `Container.up`: runs the container as a service, and passes ports of the client's machine on to it until it is stopped.

use kukri_engine_macros::Operation;

use crate::objects::inputs::PortForward;

/// Runs the container as a service, and passes ports of the client's machine on to it until it is stopped.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Void",
    cache = "never",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
#[example(r#"container.from(address: "alpine").withExposedPort(port: 80).up(ports: [{backend: 80, frontend: 8080}])"# => r#"raises "start the process in the same withExec as the command that needs it""#)]
pub struct Up {
    /// Listen on ports that are free instead of the same numbers.
    #[arg(default = "false")]
    random: bool,
    /// Which ports; empty: those that are exposed.
    #[arg(default = "[]")]
    ports: Vec<PortForward>,
    /// The command; empty: entrypoint and default arguments.
    #[arg(default = "[]")]
    args: Vec<String>,
    /// Put the entrypoint before the arguments.
    #[arg(default = "false")]
    use_entrypoint: bool,
    /// Give the command a session of its own to this engine.
    #[arg(default = "false")]
    experimental_privileged_nesting: bool,
    /// Run with all capabilities and devices.
    #[arg(default = "false")]
    insecure_root_capabilities: bool,
    /// Replace `$NAME` and `${NAME}` in the arguments by the container's variables.
    #[arg(default = "false")]
    expand: bool,
    /// Run the command as PID 1 itself, without the small init that reaps orphans.
    #[arg(default = "false")]
    no_init: bool,
}
