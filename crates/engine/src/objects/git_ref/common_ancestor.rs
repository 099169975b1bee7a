//! `GitRef.commonAncestor`: the nearest commit from which both descend.

use kukri_engine_macros::Operation;

use crate::args::Ref;
use crate::objects::git_ref::GitRef;

/// The nearest commit from which both descend.
#[derive(Operation)]
#[operation(
    on = "GitRef",
    returns = "GitRef!",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct CommonAncestor {
    /// The other commit.
    other: Ref<GitRef>,
}
