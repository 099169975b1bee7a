//! `GitRef.tree`: the files of the commit.

use kukri_engine_macros::Operation;

/// The files of the commit.
#[derive(Operation)]
#[operation(
    on = "GitRef",
    returns = "Directory!",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Tree {
    /// Leave `.git` out.
    #[arg(default = "false")]
    discard_git_dir: bool,
    /// How many commits of history `.git` has; 0: all.
    #[arg(default = "1")]
    depth: i64,
    /// Put all tags into `.git`.
    #[arg(default = "false")]
    include_tags: bool,
}
