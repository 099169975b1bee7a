//! `GitRepository.uncommitted`: what was changed in a local checkout and not committed.

use kukri_engine_macros::Operation;

/// What was changed in a local checkout and not committed.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "Changeset!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Uncommitted {}
