//! `Container.asService`: the container as a service, which others reach by the network while it runs.

use kukri_engine_macros::Operation;

/// The container as a service, which others reach by the network while it runs.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Service!",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
#[example(r#"container.from(address: "alpine").asService(args: ["httpd", "-f"]).start"# => r#"raises "start the process in the same withExec as the command that needs it""#)]
pub struct AsService {
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
