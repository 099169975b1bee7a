//! `GitRepository.ref`: the commit behind a reference.

use kukri_engine_macros::Operation;

/// The commit behind a reference.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "GitRef!",
    name = "ref",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct GetRef {
    /// A branch, a tag, a complete reference such as `refs/heads/main`, or a hash.
    name: String,
}
