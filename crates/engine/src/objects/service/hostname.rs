//! `Service.hostname`: the name by which other containers reach the service.

use kukri_engine_macros::Operation;

/// The name by which other containers reach the service.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "String!",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Hostname {}
