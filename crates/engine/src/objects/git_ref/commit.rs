//! `GitRef.commit`: the hash of the commit.

use kukri_engine_macros::Operation;

/// The hash of the commit.
#[derive(Operation)]
#[operation(
    on = "GitRef",
    returns = "String!",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
#[example(r#"git(url: "https://example.org/project.git").branch(name: "main").commit"# => r#"raises "give the engine a checkout with host.directory""#)]
pub struct Commit {}
