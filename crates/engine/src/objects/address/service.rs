//! `Address.service`: the service of the client's machine at `tcp://host:port` or `udp://host:port`.

use kukri_engine_macros::Operation;

/// The service of the client's machine at `tcp://host:port` or `udp://host:port`.
#[derive(Operation)]
#[operation(
    on = "Address",
    returns = "Service!",
    cache = "session",
    unavailable = "containers cannot reach services of the client's machine yet; give addresses that containers can reach themselves"
)]
pub struct Service {}
