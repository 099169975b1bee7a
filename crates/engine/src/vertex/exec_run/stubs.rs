//! What has to be made in a container for mounts and for the working directory, and goes away again if it is still
//! empty once the command has ended.

use std::fs;
use std::path::{Path, PathBuf};

use kukri_store::Store;
use kukri_tree::{Follow, TreeId, try_exists};

use super::mounts::{MountedTree, Prepared};
use super::place::{Place, place, places};
use crate::vertex::exec::Exec;

/// Where a stub lies: in the root file system, or in a mounted directory (index among the mounts that are trees).
pub type Stub = (Option<usize>, String);

/// The paths at which something must be there for the command to start.
pub struct Needs {
    paths: Vec<(Place, String)>,
}

impl Needs {
    /// Of a command.
    pub fn of(exec: &Exec) -> Self {
        let mounts = places(exec);
        let below = exec.mounts.iter().map(|mount| {
            let (parent, name) = mount.path.rsplit_once('/').unwrap_or_default();
            let (place, inner) = place(&mounts, parent);
            (place, format!("{inner}/{name}").trim_start_matches('/').to_owned())
        });
        let paths = below.chain([place(&mounts, &exec.cwd)]).collect();
        Self { paths }
    }

    /// Which of them are not there yet, outermost first. `tree` gives the tree of a place.
    pub fn missing(&self, store: &Store, tree: impl Fn(Option<usize>) -> Option<TreeId>) -> Vec<Stub> {
        let mut missing = Vec::new();
        for (place, path) in &self.paths {
            let index = match place {
                Place::Root => None,
                Place::Tree(index) => Some(*index),
                Place::File(..) | Place::Volume(_) | Place::Memory => continue,
            };
            let Some(tree) = tree(index) else { continue };
            missing.extend(missing_below(store, &tree, path).map(|prefix| (index, prefix)));
        }
        missing
    }
}

/// A path of a tree and its ancestors, as far as they are not there, outermost first.
pub fn missing_below<'a>(
    store: &'a Store,
    tree: &'a TreeId,
    path: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let prefixes = ends.map(|end| &path[..end]).filter(|prefix| !prefix.is_empty());
    // What cannot be looked at is not known to be missing, and stays.
    let missing = |prefix: &&str| matches!(try_exists(store, tree, prefix, Follow::All), Ok(false));
    prefixes.filter(missing).map(str::to_owned)
}

/// Where the output files of a command are going to lie. They are written when it has ended, and so what they lie in stays,
/// empty as it is, with its owner.
pub struct Outputs(Vec<Stub>);

impl Outputs {
    /// Of a command.
    pub fn of(exec: &Exec) -> Self {
        let mounts = places(exec);
        let paths = [&exec.redirect_stdout, &exec.redirect_stderr].into_iter().flatten();
        let outputs = paths.filter_map(|path| match place(&mounts, path) {
            (Place::Root, inner) => Some((None, inner)),
            (Place::Tree(index), inner) => Some((Some(index), inner)),
            (Place::File(..) | Place::Volume(_) | Place::Memory, _) => None,
        });
        Self(outputs.collect())
    }

    fn lie_in(&self, index: Option<usize>, path: &str) -> bool {
        let inside = |inner: &str| inner.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        self.0.iter().any(|(place, inner)| *place == index && inside(inner))
    }
}

/// Removes those that are still empty.
pub fn remove(prepared: &Prepared, outputs: &Outputs) {
    let stubs = prepared.stubs.iter().rev().filter(|(index, path)| !outputs.lie_in(*index, path));
    for (index, path) in stubs {
        let upper = match index {
            None => prepared.workspace.upper(),
            Some(index) => match prepared.trees.get(*index) {
                Some(MountedTree::Directory { workspace, .. }) => workspace.upper(),
                _ => continue,
            },
        };
        remove_one(&upper.join(path));
    }
}

/// Removes what the sandbox says that it made in the root, as far as it is still empty.
pub fn remove_created(upper: &Path, created: &[PathBuf], outputs: &Outputs) {
    for path in created.iter().rev() {
        let path = path.strip_prefix("/").unwrap_or(path);
        if !path.to_str().is_some_and(|path| outputs.lie_in(None, path)) {
            remove_one(&upper.join(path));
        }
    }
}

/// Whatever is not empty any more was changed by the command, and stays.
fn remove_one(path: &Path) {
    let Ok(found) = fs::symlink_metadata(path) else { return };
    let removed = if found.is_dir() {
        fs::remove_dir(path)
    } else if found.is_file() && found.len() == 0 {
        fs::remove_file(path)
    } else {
        Ok(())
    };
    if let Err(error) = removed {
        tracing::debug!(path = %path.display(), %error, "a mount point stays");
    }
}
