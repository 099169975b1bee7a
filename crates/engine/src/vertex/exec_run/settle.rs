//! Keeps what an exec left: changed trees and outputs.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use kukri_store::Store;
use kukri_tree::owner::User;
use kukri_tree::walk::Walk;
use kukri_tree::{Editor, Entry, EntryKind, FileSource, Meta, Node, NodeReader, TreeId};

use super::mounts::{MountedTree, Prepared};
use super::output::Captured;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::progress::now;
use crate::vertex::exec::Exec;
use crate::vertex::{BlobRef, ExecOutput};

/// Turns what is on disk into an output.
pub async fn settle(
    exec: &Exec,
    engine: &Arc<Engine>,
    prepared: Prepared,
    user: &User,
    captured: Captured,
    exit: &kukri_sandbox::Exit,
    exit_code: i32,
) -> Result<ExecOutput, OpError> {
    let store = engine.store().clone();
    let created = exit.created.clone();
    let redirects = [exec.redirect_stdout.clone(), exec.redirect_stderr.clone()];
    let mounts: Vec<(Arc<str>, bool)> =
        exec.mounts.iter().map(|mount| (Arc::clone(&mount.path), mount.is_tree())).collect();
    let (uid, gid) = (user.uid, user.gid);
    crate::blocking(move || {
        let [stdout, stderr, combined] = captured.keep(&store)?;
        remove_stubs(prepared.workspace.upper(), &created);
        let mut rootfs = store.commit_upper(&prepared.root_tree, prepared.workspace).or_fail()?;
        let mut trees = Vec::with_capacity(prepared.trees.len());
        for mounted in prepared.trees {
            trees.push(match mounted {
                MountedTree::Directory { tree, workspace, .. } => {
                    store.commit_upper(&tree, workspace).or_fail()?
                }
                MountedTree::File { entry, name, copy, .. } => keep_file(&store, entry, &name, &copy)?,
            });
        }
        for (path, blob) in redirects.iter().zip([stdout, stderr]) {
            let Some(path) = path else { continue };
            let (index, inner) = place(&mounts, path);
            let tree = match index {
                Some(index) => &mut trees[index],
                None => &mut rootfs,
            };
            *tree = with_output(&store, tree, &inner, blob, uid, gid)?;
        }
        Ok(ExecOutput { rootfs, mounts: trees, stdout, stderr, combined, exit_code })
    })
    .await
}

/// Which tree an absolute path lies in (index among the trees of mounts, or the root), and where.
fn place(mounts: &[(Arc<str>, bool)], path: &str) -> (Option<usize>, String) {
    let mut index = 0;
    let mut best: Option<(usize, usize, String)> = None;
    for (mount, is_tree) in mounts {
        if !is_tree {
            continue;
        }
        if let Some(rest) = path.strip_prefix(&**mount)
            && rest.starts_with('/')
            && best.as_ref().is_none_or(|(length, ..)| mount.len() >= *length)
        {
            best = Some((mount.len(), index, rest.trim_start_matches('/').to_owned()));
        }
        index += 1;
    }
    best.map_or_else(
        || (None, path.trim_start_matches('/').to_owned()),
        |(_, index, rest)| (Some(index), rest),
    )
}

/// Removes mount points that were made for this run and are still empty.
fn remove_stubs(upper: &Path, created: &[PathBuf]) {
    for path in created.iter().rev() {
        let path = upper.join(path.strip_prefix("/").unwrap_or(path));
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        // Whatever is not empty any more was changed by the command, and stays.
        let removed = if found.is_dir() {
            fs::remove_dir(&path)
        } else if found.len() == 0 {
            fs::remove_file(&path)
        } else {
            Ok(())
        };
        if let Err(error) = removed {
            tracing::debug!(path = %path.display(), %error, "a mount point stays");
        }
    }
}

fn with_output(
    store: &Store,
    tree: &TreeId,
    path: &str,
    blob: BlobRef,
    uid: u32,
    gid: u32,
) -> Result<TreeId, OpError> {
    let mut editor = Editor::new(store, Some(*tree)).or_fail()?;
    let mtime_ns = i64::try_from(now()).unwrap_or(i64::MAX);
    let meta = Meta { uid, gid, mtime_ns, ..Meta::new(0o600) };
    editor
        .set_file(path, FileSource { blob: blob.digest, size: blob.size, meta, link_group: 0 })
        .or_fail()?;
    let sealed = editor.finish().or_fail()?;
    store.put_nodes(sealed.nodes).or_fail()?;
    Ok(sealed.id)
}

/// The tree of a mounted file after the run: that file alone.
fn keep_file(store: &Store, entry: EntryKind, name: &str, copy: &Path) -> Result<TreeId, OpError> {
    let EntryKind::File { meta, blob, size, .. } = entry else {
        return Err(OpError::new(format!("{name}: not a regular file")));
    };
    let found = fs::symlink_metadata(copy).or_fail()?;
    let changed = found.len() != size || found.mtime() * 1_000_000_000 + found.mtime_nsec() != meta.mtime_ns;
    let (blob, size) = if changed { store_file(store, copy)? } else { (blob, size) };
    let meta = Meta {
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        mtime_ns: found.mtime() * 1_000_000_000 + found.mtime_nsec(),
        xattrs: meta.xattrs,
    };
    let mut node = Node::empty();
    node.set(Entry {
        name: name.as_bytes().into(),
        kind: EntryKind::File { meta, blob, size, link_group: 0 },
    });
    let (id, bytes) = node.seal();
    store.put_nodes(vec![(id.stored, bytes)]).or_fail()?;
    Ok(id)
}

fn store_file(store: &Store, path: &Path) -> Result<(kukri_model::Digest, u64), OpError> {
    let mut file = fs::File::open(path).or_fail()?;
    let mut writer = store.blob_writer();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).or_fail()? {
            0 => return writer.finish().or_fail(),
            count => writer.write_all(&buffer[..count]).or_fail()?,
        }
    }
}

/// Writes a file of a tree to disk, with mode, owner and time.
pub fn write_copy(store: &Store, entry: &EntryKind, target: &Path) -> Result<(), OpError> {
    let EntryKind::File { meta, blob, .. } = entry else {
        return Err(OpError::new(format!("{}: not a regular file", target.display())));
    };
    let mut content = store.open_blob(blob).or_fail()?;
    let mut file = fs::File::create(target).or_fail()?;
    io::copy(&mut content, &mut file).or_fail()?;
    chown(target, Some(meta.uid), Some(meta.gid)).or_fail()?;
    file.set_permissions(fs::Permissions::from_mode(meta.mode)).or_fail()?;
    let time = u64::try_from(meta.mtime_ns).unwrap_or(0);
    file.set_modified(UNIX_EPOCH + Duration::from_nanos(time)).or_fail()
}

/// Writes a tree to disk, for the first contents of a volume.
pub fn write_tree(store: &Store, tree: &TreeId, target: &Path) -> Result<(), OpError> {
    let root = store.node(&tree.stored).or_fail()?;
    own(target, &root.meta)?;
    for entry in Walk::new(store, tree) {
        let entry = entry.or_fail()?;
        let path = target.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&entry.path));
        match &entry.kind {
            EntryKind::Dir(id) => {
                fs::create_dir_all(&path).or_fail()?;
                own(&path, &store.node(&id.stored).or_fail()?.meta)?;
            }
            EntryKind::File { .. } => write_copy(store, &entry.kind, &path)?,
            EntryKind::Symlink { meta, target } => {
                let to = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&target[..]);
                std::os::unix::fs::symlink(to, &path).or_fail()?;
                std::os::unix::fs::lchown(&path, Some(meta.uid), Some(meta.gid)).or_fail()?;
            }
            EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } | EntryKind::Fifo { .. } => {
                return Err(OpError::new(format!(
                    "{}: devices and pipes cannot be put into a cache volume",
                    path.display()
                )));
            }
        }
    }
    Ok(())
}

fn own(path: &Path, meta: &Meta) -> Result<(), OpError> {
    chown(path, Some(meta.uid), Some(meta.gid)).or_fail()?;
    fs::set_permissions(path, fs::Permissions::from_mode(meta.mode)).or_fail()
}

/// Says that a volume has got its first contents. Lies beside the volume's directory, so that it is never seen inside.
pub struct Marker(PathBuf);

impl Marker {
    /// Of a volume's directory.
    pub fn of(directory: &Path) -> Self {
        Self(directory.with_file_name("seeded"))
    }

    /// Whether it is there.
    pub fn is_set(&self) -> bool {
        self.0.exists()
    }

    /// Sets it.
    pub fn set(&self) -> io::Result<()> {
        fs::write(&self.0, b"")
    }
}
