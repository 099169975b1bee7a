//! `GitRepository.latestVersion`: the tag with the highest semantic version.

use kukri_engine_macros::Operation;

/// The tag with the highest semantic version.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "GitRef!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct LatestVersion {}
