//! `Container.withUnixSocket`: mounts a Unix socket.

use kukri_engine_macros::Operation;

use crate::args::Ref;
use crate::objects::socket::Socket;

/// Mounts a Unix socket.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Container!",
    unavailable = "sockets of the client's machine cannot be used yet; give credentials as secrets"
)]
pub struct WithUnixSocket {
    /// Where.
    path: String,
    /// The socket.
    source: Ref<Socket>,
    /// `user[:group]` that owns it; default: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}
