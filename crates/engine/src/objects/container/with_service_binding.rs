//! `Container.withServiceBinding`: lets commands reach a service by a name.

use kukri_engine_macros::Operation;

use crate::args::Ref;
use crate::objects::service::Service;

/// Lets commands reach a service by a name.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Container!",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct WithServiceBinding {
    /// The name.
    alias: String,
    /// The service.
    service: Ref<Service>,
}
