//! `GitRepository.head`: what the repository shows when nothing else is asked for.

use kukri_engine_macros::Operation;

/// What the repository shows when nothing else is asked for.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "GitRef!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Head {}
