//! `Host.unixSocket`: a Unix socket of the client's machine.

use kukri_engine_macros::Operation;

/// A Unix socket of the client's machine.
#[derive(Operation)]
#[operation(
    on = "Host",
    returns = "Socket!",
    cache = "session",
    unavailable = "sockets of the client's machine cannot be used yet; give credentials as secrets"
)]
#[example(r#"container.from(address: "alpine").withUnixSocket(path: "/agent", source: host.unixSocket(path: "agent.sock")).sync"# => r#"raises "give credentials as secrets""#)]
pub struct UnixSocket {
    /// Where it is.
    path: String,
}
