//! Whether what is mounted fits what is there already, directories on directories and files on files; and where paths
//! lead through links.

use kukri_store::Store;
use kukri_tree::{Follow, FoundKind, TreeError, TreeId, lookup};

use super::links::behind_dangling;
use super::place::{Place, place, places};
use crate::error::OpError;
use crate::vertex::exec::{Exec, MountKind};

/// Where something is mounted, and what it is.
struct Target {
    place: Place,
    /// Path in the tree of the place.
    inner: String,
    /// Path in the container.
    path: String,
    /// The step that mounts it.
    step: &'static str,
    /// Whether it is a file.
    file: bool,
    /// The read-only mount that it lies in.
    read_only: Option<String>,
}

/// The places of all mounts of a command.
pub struct Targets {
    mounts: Vec<Target>,
    /// The working directory, unless it lies in a mount.
    cwd: Option<String>,
}

impl Targets {
    /// Of a command.
    pub fn of(exec: &Exec) -> Self {
        let mounts = places(exec);
        let target = |mount: &crate::vertex::exec::ExecMount| {
            let (parent, name) = mount.path.rsplit_once('/').unwrap_or_default();
            let (place, inner) = place(&mounts, parent);
            let (step, file) = match &mount.kind {
                MountKind::Directory { .. } => ("withMountedDirectory", false),
                MountKind::Temp { .. } => ("withMountedTemp", false),
                MountKind::Cache(_) => ("withMountedCache", false),
                MountKind::File { .. } => ("withMountedFile", true),
                MountKind::Secret { .. } => ("withMountedSecret", true),
            };
            let inner = format!("{inner}/{name}").trim_start_matches('/').to_owned();
            let read_only = read_only(exec, &place);
            Target { place, inner, path: mount.path.to_string(), step, file, read_only }
        };
        let cwd = matches!(place(&mounts, &exec.cwd), (Place::Root, _)).then(|| exec.cwd.clone());
        Self { mounts: exec.mounts.iter().map(target).collect(), cwd }
    }

    /// Fails for the first that lies on something of another kind. `tree` gives the tree of a place.
    pub fn check(
        &self,
        store: &Store,
        tree: impl Fn(Option<usize>) -> Option<TreeId>,
    ) -> Result<(), OpError> {
        for Target { place, inner, path, step, file, read_only } in &self.mounts {
            let index = match place {
                Place::Root => None,
                Place::Tree(index) => Some(*index),
                Place::File(..) | Place::Volume(_) | Place::Memory => continue,
            };
            // What is not there is made, and what cannot be looked at is for the kernel to judge.
            let Some(tree) = tree(index) else { continue };
            let found = match (lookup(store, &tree, inner, Follow::All), read_only) {
                (Ok(found), _) => found,
                (Err(TreeError::NotFound(_)), Some(mount)) => {
                    return Err(OpError::new(format!(
                        "{step}: {path} is not there, and cannot be made in {mount}, which is mounted read-only: mount \
                         {mount} without readOnly, or give its directory a place for it"
                    )));
                }
                (Err(_), _) => continue,
            };
            let is_directory = matches!(found.kind, FoundKind::Dir { .. });
            match (file, is_directory) {
                (true, true) => {
                    return Err(OpError::new(format!(
                        "{step}: {path} is a directory in the container: give the whole path, with the name of the file"
                    )));
                }
                (false, false) => {
                    return Err(OpError::new(format!(
                        "{step}: {path} is a file in the container: choose another path, or remove the file first \
                         with withoutFile"
                    )));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Paths in the root that do not lead where they seem to, with where they lead; see [`behind_dangling`].
    pub fn moved(&self, store: &Store, root: &TreeId) -> Vec<(String, String)> {
        let mounts =
            self.mounts.iter().filter(|target| target.place == Place::Root).map(|target| &target.path);
        let moved = |path: &String| Some((path.clone(), behind_dangling(store, root, path)?));
        mounts.chain(&self.cwd).filter_map(moved).collect()
    }
}

/// Where a place is mounted, if it takes no changes.
fn read_only(exec: &Exec, place: &Place) -> Option<String> {
    let Place::Tree(index) = place else { return None };
    let mount = exec.mounts.iter().filter(|mount| mount.is_tree()).nth(*index)?;
    matches!(mount.kind, MountKind::Directory { read_only: true, .. }).then(|| mount.path.to_string())
}
