//! `Address.gitRef`: the commit that `URL#REF` names.

use kukri_engine_macros::Operation;

/// The commit that `URL#REF` names.
#[derive(Operation)]
#[operation(
    on = "Address",
    returns = "GitRef!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct GitRef {}
