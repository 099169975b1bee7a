//! `Query.http`: a file of the web.

use kukri_engine_macros::Operation;

use crate::args::Ref;
use crate::objects::secret::Secret;
use crate::objects::service::Service;

/// A file of the web.
#[derive(Operation)]
#[operation(
    on = "Query",
    returns = "File!",
    name = "http",
    cache = "session",
    unavailable = "downloads are not supported yet; fetch the file with a command in a container, or give it with host.file"
)]
pub struct GetHttp {
    /// Where it is.
    url: String,
    /// Name of the file. Default: the last element of the path of the URL.
    name: Option<String>,
    /// Permission bits. Default: 0600.
    permissions: Option<i64>,
    /// What its contents must have: `sha256:…`.
    checksum: Option<String>,
    /// Value of the header `Authorization`.
    auth_header: Option<Ref<Secret>>,
    /// Service that is the host of the URL.
    experimental_service_host: Option<Ref<Service>>,
}
