//! `GitRepository.commit`: a commit.

use kukri_engine_macros::Operation;

/// A commit.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "GitRef!",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Commit {
    /// Its hash: 40 hexadecimal digits.
    id: String,
}
