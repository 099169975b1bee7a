//! `GitRepository.url`: where the repository is; null for one that is a directory.

use kukri_engine_macros::Operation;

/// Where the repository is; null for one that is a directory.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "String",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Url {}
