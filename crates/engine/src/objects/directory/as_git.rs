//! `Directory.asGit`: the directory as a git repository.

use kukri_engine_macros::Operation;

/// The directory as a git repository: it must have a `.git`.
#[derive(Operation)]
#[operation(
    on = "Directory",
    returns = "GitRepository!",
    unavailable = "git sources are not supported yet; run git on the directory in a container"
)]
pub struct AsGit {}
