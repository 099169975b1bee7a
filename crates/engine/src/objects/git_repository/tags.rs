//! `GitRepository.tags`: names of the tags.

use kukri_engine_macros::Operation;

/// Names of the tags.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "[String!]!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Tags {
    /// Only those that fit one of these patterns, as in `v1.*`.
    patterns: Option<Vec<String>>,
}
