//! `Address.gitRepository`: the git repository at this URL.

use kukri_engine_macros::Operation;

/// The git repository at this URL.
#[derive(Operation)]
#[operation(
    on = "Address",
    returns = "GitRepository!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct GitRepository {}
