//! `GitRepository.branches`: names of the branches.

use kukri_engine_macros::Operation;

/// Names of the branches.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "[String!]!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
#[example(r#"git(url: "https://example.org/project.git").branches"# => r#"raises "give the engine a checkout with host.directory""#)]
pub struct Branches {
    /// Only those that fit one of these patterns, as in `release-*`.
    patterns: Option<Vec<String>>,
}
