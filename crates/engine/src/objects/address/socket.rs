//! `Address.socket`: the socket of the client's machine at this path.

use kukri_engine_macros::Operation;

/// The socket of the client's machine at this path.
#[derive(Operation)]
#[operation(
    on = "Address",
    returns = "Socket!",
    cache = "session",
    unavailable = "sockets of the client's machine cannot be used yet; give credentials as secrets"
)]
pub struct Socket {}
