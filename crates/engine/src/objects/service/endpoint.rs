//! `Service.endpoint`: where the service is reached: `host:port`, or a URL.

use kukri_engine_macros::Operation;

/// Where the service is reached: `host:port`, or a URL.
#[derive(Operation)]
#[operation(
    on = "Service",
    returns = "String!",
    unavailable = "services are not supported yet; start the process in the same withExec as the command that needs it"
)]
pub struct Endpoint {
    /// Which port. Default: the first that is exposed.
    port: Option<i64>,
    /// Scheme of a URL, such as `http`. Empty: no URL, but `host:port`.
    #[arg(default = "\"\"")]
    scheme: String,
}
