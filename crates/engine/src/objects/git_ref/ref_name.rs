//! `GitRef.ref`: the complete name of the reference, such as `refs/heads/main`.

use kukri_engine_macros::Operation;

/// The complete name of the reference, such as `refs/heads/main`.
#[derive(Operation)]
#[operation(
    on = "GitRef",
    returns = "String!",
    name = "ref",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct RefName {}
