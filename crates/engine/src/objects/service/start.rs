//! `Service.start`: starts the service and waits until it is healthy. It then runs until it is stopped or the session ends.

use kukri_engine_macros::Operation;

/// Starts the service and waits until it is healthy. It then runs until it is stopped or the session ends.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "ID!",
    expected = "Service",
    cache = "never",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Start {}
