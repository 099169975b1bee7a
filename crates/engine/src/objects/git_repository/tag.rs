//! `GitRepository.tag`: the commit behind a tag.

use kukri_engine_macros::Operation;

/// The commit behind a tag.
#[derive(Operation)]
#[operation(
    on = "GitRepository",
    returns = "GitRef!",
    cache = "session",
    unavailable = "git sources are not supported yet; give the engine a checkout with host.directory, or run git in a container"
)]
pub struct Tag {
    /// Name of the tag, as in `v1.2.0`.
    name: String,
}
