//! `Directory.terminal`: opens a terminal with the directory, on the client's.

use kukri_engine_macros::Operation;

use crate::args::Ref;
use crate::objects::container::Container;

/// Opens a terminal with the directory, on the client's.
#[derive(Operation)]
#[operation(
    on = "Directory",
    returns = "Directory!",
    cache = "never",
    unavailable = "terminals are not supported yet; run commands with withExec"
)]
pub struct Terminal {
    /// The container in which the directory is mounted, at `/src`. Default: a small one.
    container: Option<Ref<Container>>,
    /// The command; empty: that of the container.
    #[arg(default = "[]")]
    cmd: Vec<String>,
    /// Give the command a session of its own to this engine.
    #[arg(default = "false")]
    experimental_privileged_nesting: bool,
    /// Run with all capabilities and devices.
    #[arg(default = "false")]
    insecure_root_capabilities: bool,
}
