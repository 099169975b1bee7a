//! `Service.sync`: computes what the service is made from, and gives its ID.

use kukri_engine_macros::Operation;

/// Computes what the service is made from, and gives its ID.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "ID!",
    expected = "Service",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Sync {}
