//! `GitRepository.branch`: the tip of a branch.

use kukri_engine_macros::Operation;

/// The tip of a branch.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "GitRef!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Branch {
    /// Name of the branch, as in `main`.
    name: String,
}
