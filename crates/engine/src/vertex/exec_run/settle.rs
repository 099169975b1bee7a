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
use kukri_tree::{Editor, Entry, EntryKind, FileSource, Meta, Node, NodeReader, TreeError, TreeId};

use super::links;
use super::mounts::{MountedTree, Prepared};
use super::output::Captured;
use super::place::{Place, place, places};
use super::stubs;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::progress::now;
use crate::vertex::exec::{Exec, check_writable};
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
    let redirects =
        [("redirectStdout", exec.redirect_stdout.clone()), ("redirectStderr", exec.redirect_stderr.clone())];
    let mounted = exec.mounts.clone();
    let (mounts, outputs) = (places(exec), stubs::Outputs::of(exec));
    let (uid, gid) = (user.uid, user.gid);
    crate::blocking(move || {
        let [stdout, stderr, combined] = captured.keep(&store)?;
        stubs::remove_created(prepared.workspace.upper(), &created, &outputs);
        stubs::remove(&prepared, &outputs);
        let (volumes, began_ns) = (prepared.volumes, prepared.began_ns);
        let mut rootfs = store.commit_upper(&prepared.root_tree, prepared.workspace).or_fail()?;
        let mut trees = Vec::with_capacity(prepared.trees.len());
        for mounted in prepared.trees {
            trees.push(match mounted {
                MountedTree::Directory { tree, workspace, .. } => {
                    store.commit_upper(&tree, workspace).or_fail()?
                }
                MountedTree::File { entry, name, copy, ctime_ns, .. } => {
                    keep_file(&store, entry, &name, &copy, (ctime_ns < began_ns).then_some(ctime_ns))?
                }
            });
        }
        let mut written = None;
        for (path, blob) in redirects.iter().zip([stdout, stderr]) {
            let (argument, Some(path)) = path else { continue };
            let tree_at = |path: &str| match place(&mounts, path) {
                (Place::Root, inner) => Some((rootfs, inner)),
                (Place::Tree(index), inner) => Some((trees[index], inner)),
                (Place::File(..) | Place::Volume(_) | Place::Memory, _) => None,
            };
            // As a shell does: what a link leads to is written, wherever that is.
            let (path, _) = links::followed(&store, path, tree_at)
                .ok_or_else(|| OpError::new(TreeError::TooManyLinks(path.clone()).to_string()))?;
            check_writable(&mounted, argument, &path)?;
            // One file for both has both, as with `>file 2>&1`.
            let blob = if written.as_ref() == Some(&path) { combined } else { blob };
            match place(&mounts, &path) {
                (Place::Root, inner) => rootfs = with_output(&store, &rootfs, &inner, blob, uid, gid)?,
                (Place::Tree(index), inner) => {
                    trees[index] = with_output(&store, &trees[index], &inner, blob, uid, gid)?;
                }
                (Place::File(index, name), _) => {
                    trees[index] = with_output(&store, &trees[index], &name, blob, uid, gid)?;
                }
                (Place::Volume(mount), inner) => {
                    let volume = volumes.iter().find(|(path, _)| *path == mount);
                    let (_, volume) =
                        volume.ok_or_else(|| OpError::new("internal error: a volume is gone"))?;
                    write_output(&store, volume.path(), &inner, blob, uid, gid)
                        .map_err(|error| OpError::new(format!("{path}: {error}")))?;
                }
                // Nothing of it is left once the command has ended.
                (Place::Memory, _) => {}
            }
            written = Some(path);
        }
        Ok(ExecOutput { rootfs, mounts: trees, stdout, stderr, combined, exit_code })
    })
    .await
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

/// Writes an output into a volume's directory, which no link leads out of.
fn write_output(
    store: &Store,
    volume: &Path,
    path: &str,
    blob: BlobRef,
    uid: u32,
    gid: u32,
) -> Result<(), OpError> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
    let root = open(volume, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).or_fail()?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let mode = Mode::from_raw_mode(0o600);
    let file = openat2(&root, path, flags, mode, ResolveFlags::IN_ROOT).or_fail()?;
    let mut file = fs::File::from(file);
    io::copy(&mut store.open_blob(&blob.digest).or_fail()?, &mut file).or_fail()?;
    std::os::unix::fs::fchown(&file, Some(uid), Some(gid)).or_fail()
}

/// The tree of a mounted file after the run: that file alone. Programs can keep its size and set its time, but not that of
/// its last change, which says for sure that there was none where it is `ctime_ns` still, of before the run.
fn keep_file(
    store: &Store,
    entry: EntryKind,
    name: &str,
    copy: &Path,
    ctime_ns: Option<i64>,
) -> Result<TreeId, OpError> {
    let EntryKind::File { meta, blob, size, .. } = entry else {
        return Err(OpError::new(format!("{name}: not a regular file")));
    };
    let found = fs::symlink_metadata(copy).or_fail()?;
    let unchanged = ctime_ns == Some(ctime_of(&found));
    let (blob, size) = if unchanged { (blob, size) } else { store_file(store, copy)? };
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

/// When a file was changed last, in the clock of [`changes_now`].
pub fn ctime_of(found: &fs::Metadata) -> i64 {
    found.ctime() * 1_000_000_000 + found.ctime_nsec()
}

/// What a file that is changed now has as its time at least: the clock of file systems stands still for milliseconds.
pub fn changes_now() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
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

/// Empties a volume's directory: nothing is in it but what is left of first contents whose writing failed or was cut off.
pub fn clear(directory: &Path) -> Result<(), OpError> {
    for entry in fs::read_dir(directory).or_fail()? {
        let entry = entry.or_fail()?;
        if entry.file_type().or_fail()?.is_dir() {
            fs::remove_dir_all(entry.path()).or_fail()?;
        } else {
            fs::remove_file(entry.path()).or_fail()?;
        }
    }
    Ok(())
}

/// Writes a tree to disk, for the first contents of a volume. `owner` is that of all of it; `None` keeps what the tree says.
pub fn write_tree(
    store: &Store,
    tree: &TreeId,
    target: &Path,
    owner: Option<(u32, u32)>,
) -> Result<(), OpError> {
    let owned = |meta: &Meta| {
        let (uid, gid) = owner.unwrap_or((meta.uid, meta.gid));
        Meta { uid, gid, ..meta.clone() }
    };
    let root = store.node(&tree.stored).or_fail()?;
    own(target, &owned(&root.meta))?;
    for entry in Walk::new(store, tree) {
        let entry = entry.or_fail()?;
        let path = target.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&entry.path));
        match &entry.kind {
            EntryKind::Dir(id) => {
                fs::create_dir_all(&path).or_fail()?;
                own(&path, &owned(&store.node(&id.stored).or_fail()?.meta))?;
            }
            EntryKind::File { meta, blob, size, link_group } => {
                let (meta, blob) = (owned(meta), *blob);
                let kind = EntryKind::File { meta, blob, size: *size, link_group: *link_group };
                write_copy(store, &kind, &path)?;
            }
            EntryKind::Symlink { meta, target } => {
                let to = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&target[..]);
                let meta = owned(meta);
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
