//! The directory of a session: where the paths of its pipeline count from, or under the other name all of the command works.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::{path_variable, variable};
use crate::fail::Failure;

fn is_variable(path: &Path) -> bool {
    path_variable("DAGGER_WORKDIR").is_some_and(|variable| variable == path)
}

/// The directory from which the relative paths of a session count.
pub fn workdir(flag: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(path) = flag else {
        return std::env::current_dir().map_err(|error| {
            Failure::usage(format!("the working directory: {error}"))
                .hint("change into a directory that is there, or name one with --workdir")
        });
    };
    let name = if is_variable(path) { "DAGGER_WORKDIR=" } else { "--workdir " };
    let wrong = |why: &dyn Display| Failure::usage(format!("{name}{}: {why}", path.display()));
    match std::fs::canonicalize(path) {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err(wrong(&"not a directory")),
        Err(error) => Err(wrong(&error)),
    }
}

/// Makes that directory the one of this process, as `dagger` does: programs are started in it, and whatever else is written
/// as a relative path counts from it as well. Nothing is left of the flag.
///
/// A variable is left to those above where the command runs in a session, which has its directory already: the variable is
/// what that session was opened with.
pub fn enter_workdir(flag: &mut Option<PathBuf>) -> Result<(), Failure> {
    let in_session = variable("DAGGER_SESSION_PORT").is_some();
    let Some(path) = flag.take_if(|path| !(in_session && is_variable(path))) else { return Ok(()) };
    Ok(std::env::set_current_dir(workdir(Some(&path))?)?)
}
