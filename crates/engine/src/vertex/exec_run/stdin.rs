//! What a command reads as its standard input.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukri_sandbox::Stdin;
use kukri_store::Store;
use kukri_tree::{EntryKind, Follow, FoundKind, TreeError, TreeId, lookup};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use super::environment::Secrets;
use super::links;
use super::mounts::Prepared;
use super::place::{Place, place, places};
use crate::error::{OpError, OrFail};
use crate::vertex::exec::{Exec, MountKind};

/// Longest file that is given to the command in memory; a longer one is copied to the disk for the time of the run.
const SMALL: u64 = 1 << 20;

/// The text, or the file in the container, that the exec names; `trees` are the values of [`Exec::trees`].
pub async fn stdin(
    exec: &Exec,
    store: &Store,
    trees: &[TreeId],
    secrets: &Secrets,
    prepared: &Prepared,
) -> Result<Stdin, OpError> {
    if let Some(text) = &exec.stdin {
        return Ok(Stdin::Bytes(text.clone().into_bytes()));
    }
    let Some(path) = exec.redirect_stdin.clone() else { return Ok(Stdin::Null) };
    let values = exec.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Secret { secret, .. } => {
            Some(secrets.get(&secret.identity).map(|value| (Arc::clone(&mount.path), Arc::clone(value))))
        }
        _ => None,
    });
    let sources = Sources {
        store: store.clone(),
        mounts: places(exec),
        trees: mounted_trees(exec, trees)?,
        volumes: prepared.volumes.iter().map(|(at, volume)| (Arc::clone(at), volume.path().into())).collect(),
        secrets: values.collect::<Result<_, _>>()?,
        scratch: prepared.workspace.upper().parent().unwrap_or(Path::new("/")).to_owned(),
    };
    crate::blocking(move || sources.open(&path)).await
}

/// A tree and the path in it that is mounted, for the root and for each mount that is a tree.
fn mounted_trees(exec: &Exec, trees: &[TreeId]) -> Result<Vec<(TreeId, Arc<str>)>, OpError> {
    let inner = exec.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Directory { source, .. } | MountKind::File { source } => Some(Arc::clone(&source.path)),
        _ => None,
    });
    let inner: Vec<_> = std::iter::once(Arc::from("")).chain(inner).collect();
    if inner.len() > trees.len() {
        return Err(OpError::new("internal error: a mount has no tree"));
    }
    Ok(trees.iter().copied().zip(inner).collect())
}

/// Where files of the container come from.
struct Sources {
    store: Store,
    mounts: Vec<(Arc<str>, Place)>,
    /// The root first.
    trees: Vec<(TreeId, Arc<str>)>,
    volumes: Vec<(Arc<str>, PathBuf)>,
    secrets: Vec<(Arc<str>, Arc<[u8]>)>,
    /// On the disk of the store.
    scratch: PathBuf,
}

impl Sources {
    /// As a shell does before it starts a command: links are followed, also from one mount into another.
    fn open(&self, given: &str) -> Result<Stdin, OpError> {
        let failed = |error: TreeError| OpError::new(format!("redirectStdin: {error}"));
        let missing = || failed(TreeError::NotFound(given.to_owned()));
        let (path, _) = links::followed(&self.store, given, |path| self.in_tree(path))
            .ok_or_else(|| failed(TreeError::TooManyLinks(given.to_owned())))?;
        if path == "/dev/null" {
            return Ok(Stdin::Null);
        }
        match place(&self.mounts, &path) {
            (Place::Volume(mount), inner) => {
                let volume = self.volumes.iter().find(|(at, _)| *at == mount).ok_or_else(missing)?;
                let file = open_below(&volume.1, &inner)
                    .map_err(|error| OpError::new(format!("redirectStdin: {given}: {error}")))?;
                match file.metadata().or_fail()? {
                    found if found.is_file() => Ok(Stdin::File(file.into())),
                    found if found.is_dir() => Err(failed(TreeError::IsADirectory(given.to_owned()))),
                    _ => Err(missing()),
                }
            }
            (Place::Memory, _) => {
                let value = self.secrets.iter().rfind(|(at, _)| **at == *path).ok_or_else(missing)?;
                Ok(Stdin::Bytes(value.1.to_vec()))
            }
            (Place::Root | Place::Tree(_) | Place::File(..), _) => {
                let (tree, inner) = self.in_tree(&path).ok_or_else(missing)?;
                match lookup(&self.store, &tree, inner, Follow::All).map(|found| found.kind) {
                    Ok(FoundKind::Entry(EntryKind::File { blob, size, .. })) if size <= SMALL => {
                        Ok(Stdin::Bytes(self.store.read_blob(&blob).or_fail()?))
                    }
                    Ok(FoundKind::Entry(EntryKind::File { blob, .. })) => {
                        let content = self.store.open_blob(&blob).or_fail()?;
                        Ok(Stdin::File(copied(content, &self.scratch).or_fail()?))
                    }
                    Ok(FoundKind::Dir { .. }) => Err(failed(TreeError::IsADirectory(given.to_owned()))),
                    Ok(FoundKind::Entry(_)) | Err(TreeError::NotFound(_) | TreeError::NotADirectory(_)) => {
                        Err(missing())
                    }
                    Err(error) => Err(failed(error)),
                }
            }
        }
    }

    fn in_tree(&self, path: &str) -> Option<(TreeId, String)> {
        let (index, inner) = match place(&self.mounts, path) {
            (Place::Root, inner) => (0, inner),
            (Place::Tree(index) | Place::File(index, _), inner) => (index + 1, inner),
            (Place::Volume(_) | Place::Memory, _) => return None,
        };
        let (tree, mounted) = &self.trees[index];
        let path = [&**mounted, &inner].into_iter().filter(|part| !part.is_empty());
        Some((*tree, path.collect::<Vec<_>>().join("/")))
    }
}

/// A file of a volume, which no link leads out of. Never waits, as opening a pipe does.
fn open_below(volume: &Path, path: &str) -> io::Result<File> {
    let root = rustix::fs::open(volume, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let path = if path.is_empty() { "." } else { path };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?.into())
}

/// A copy without a name. Not the store's own file: what a process has open it can open again for writing.
fn copied(mut content: impl io::Read, scratch: &Path) -> io::Result<OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    let mut file: File =
        rustix::fs::open(scratch, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode)?.into();
    io::copy(&mut content, &mut file)?;
    file.rewind()?;
    Ok(file.into())
}
