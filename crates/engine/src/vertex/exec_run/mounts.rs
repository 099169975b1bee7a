//! File systems of an exec: the root, copy-on-write mounts, volumes, secrets, and files of the engine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kukri_sandbox::{FileSource, InjectedFile, NetworkMode};
use kukri_solver::RunContext;
use kukri_store::{Materialisation, Store, VolumeDir, Workspace};
use kukri_tree::{EntryKind, Follow, FoundKind, TreeError, TreeId, lookup};
use oci_spec::runtime::{Mount, MountBuilder};
use tokio::sync::OwnedMutexGuard;

use super::environment::Secrets;
use super::links;
use super::place::{Place, place, places};
use super::read_small;
use super::stubs::{Needs, Stub, missing_below};
use super::targets::Targets;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::objects::cache_volume::{CacheSharingMode, VolumeUse};
use crate::objects::file_at;
use crate::vertex::edit::Source;
use crate::vertex::edit_run::directory_at;
use crate::vertex::exec::{Exec, MountKind};
use crate::vertex::{TreeHandle, Vertex};

/// Where the certificate authorities of the engine's machine are put into containers: in a file system that is memory
/// already. Anywhere else the mount would be in the way of steps that empty a directory, such as `rm -rf /run/*`.
const CA_PATH: &str = "/dev/kukri/ca-certificates.crt";

/// Everything that is mounted, alive as long as the exec runs.
pub struct Prepared {
    /// The tree of the root.
    pub root_tree: TreeId,
    /// Its layers.
    pub root: Materialisation,
    /// What the exec writes.
    pub workspace: Workspace,
    /// Mounts beside those of every container.
    pub mounts: Vec<Mount>,
    /// Small files.
    pub files: Vec<InjectedFile>,
    /// Mounted directories and files, in the order of the exec's mounts that are trees.
    pub trees: Vec<MountedTree>,
    /// Where certificate authorities were put.
    pub ca_path: Option<&'static str>,
    /// What is made for mounts and is not there before.
    pub stubs: Vec<Stub>,
    /// Volumes in use, by where they are mounted.
    pub volumes: Vec<(Arc<str>, VolumeDir)>,
    /// Where the working directory is, if links lead elsewhere than its path says.
    pub cwd: Option<String>,
    /// When the command was started, in the clock of its files.
    pub began_ns: i64,
}

/// A mounted directory or file whose changes are kept.
pub enum MountedTree {
    /// A directory.
    Directory {
        /// Its tree before.
        tree: TreeId,
        /// Its layers.
        _layers: Materialisation,
        /// What the exec writes there.
        workspace: Workspace,
    },
    /// A file.
    File {
        /// The entry before.
        entry: EntryKind,
        /// Its name.
        name: String,
        /// The copy that is mounted.
        copy: PathBuf,
        /// When the copy was changed last.
        ctime_ns: i64,
        /// The directory of the copy.
        _workspace: Workspace,
    },
}

/// Takes the locks of volumes that only one exec may use at a time. While it waits for them, others have the exec's slots.
pub async fn lock_volumes(exec: &Exec, run: &RunContext<Vertex>) -> Vec<OwnedMutexGuard<()>> {
    let engine = &run.context.engine;
    let volumes = exec.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Cache(volume) if volume.sharing != CacheSharingMode::Shared => Some(volume.key.clone()),
        _ => None,
    });
    let volumes: Vec<String> = volumes.collect::<BTreeSet<_>>().into_iter().collect();
    if let Some(locks) = volumes.iter().map(|key| engine.volumes().try_lock(key)).collect() {
        return locks;
    }
    run.release_slots();
    let locks = lock_all(volumes, engine).await;
    run.take_slots().await;
    locks
}

/// Prepares everything. Volumes that are new get their seed first, of `seeds` by the index of the mount.
pub async fn prepare(
    exec: &Exec,
    engine: &Arc<Engine>,
    trees: &[TreeId],
    secrets: &Secrets,
    seeds: &[Option<Seed>],
) -> Result<Prepared, OpError> {
    let mut plans = Vec::with_capacity(exec.mounts.len());
    for (index, mount) in exec.mounts.iter().enumerate() {
        let path = Arc::clone(&mount.path);
        plans.push(match &mount.kind {
            MountKind::Directory { source, read_only } => {
                Plan::Directory { path, inner: Arc::clone(&source.path), read_only: *read_only }
            }
            MountKind::File { source } => Plan::File { path, inner: Arc::clone(&source.path) },
            MountKind::Temp { size } => Plan::Temp { path, size: *size },
            MountKind::Cache(volume) => {
                Plan::Volume { path, seed: seeds.get(index).cloned().flatten(), volume: Arc::clone(volume) }
            }
            MountKind::Secret { secret, owner, mode } => Plan::Secret {
                path,
                value: Arc::clone(secrets.get(&secret.identity)?),
                owner: Arc::clone(owner),
                mode: *mode,
            },
        });
    }
    // A volume gets its first contents once, however many execs use it for the first time now.
    let seeding = lock_seeding(exec, engine).await;
    let (store, machine) = (engine.store().clone(), engine.environment().clone());
    let (needs, targets, mounted) = (Needs::of(exec), Targets::of(exec), places(exec));
    let (trees, cwd) = (trees.to_vec(), exec.cwd.clone());
    crate::blocking(move || {
        let _seeding = seeding;
        let mut prepared = build(&store, &trees, plans)?;
        targets.check(&store, |index| prepared.tree(index))?;
        prepared.stubs = needs.missing(&store, |index| prepared.tree(index));
        prepared.machine_files(&store, &machine, &mounted)?;
        prepared.relocate(&targets.moved(&store, &prepared.root_tree), &cwd);
        if let Some(cwd) = &prepared.cwd {
            let made = missing_below(&store, &prepared.root_tree, cwd.trim_start_matches('/'));
            prepared.stubs.extend(made.map(|path| (None, path)));
        }
        Ok(prepared)
    })
    .await
}

async fn lock_seeding(exec: &Exec, engine: &Engine) -> Vec<OwnedMutexGuard<()>> {
    let volumes = exec.mounts.iter().filter_map(|mount| match &mount.kind {
        MountKind::Cache(volume) => Some(format!("first contents of {}", volume.key)),
        _ => None,
    });
    lock_all(volumes.collect(), engine).await
}

/// Locks in an order that is the same for all.
async fn lock_all(mut keys: Vec<String>, engine: &Engine) -> Vec<OwnedMutexGuard<()>> {
    keys.sort_unstable();
    keys.dedup();
    let mut locks = Vec::with_capacity(keys.len());
    for key in keys {
        locks.push(engine.volumes().lock(&key).await);
    }
    locks
}

/// The first contents of a volume: a tree, and the path in it.
pub type Seed = (TreeId, Arc<str>);

/// The first contents of volumes, by the index of their mount. Other execs may have to make them: they need slots, and
/// may need the volumes, so this comes before either is held.
pub async fn seeds(exec: &Exec, run: &RunContext<Vertex>) -> Result<Vec<Option<Seed>>, OpError> {
    let context = &run.context;
    let cx = crate::Cx {
        engine: Arc::clone(&context.engine),
        session: Arc::clone(&context.session),
        call: Arc::clone(context.engine.root()),
    };
    let mut released = false;
    let mut seeds = Vec::with_capacity(exec.mounts.len());
    for mount in &exec.mounts {
        let seed = match &mount.kind {
            MountKind::Cache(volume) => volume.seed.as_ref(),
            _ => None,
        };
        let Some(Source { tree, path }) = seed else {
            seeds.push(None);
            continue;
        };
        if matches!(tree, TreeHandle::Output(..)) && !std::mem::replace(&mut released, true) {
            run.release_slots();
        }
        seeds.push(Some((cx.tree(tree).await?, Arc::clone(path))));
    }
    if released {
        run.take_slots().await;
    }
    Ok(seeds)
}

/// A mount with everything looked up that may be waited for.
enum Plan {
    Directory { path: Arc<str>, inner: Arc<str>, read_only: bool },
    File { path: Arc<str>, inner: Arc<str> },
    Temp { path: Arc<str>, size: Option<i64> },
    Volume { path: Arc<str>, volume: Arc<VolumeUse>, seed: Option<Seed> },
    Secret { path: Arc<str>, value: Arc<[u8]>, owner: Arc<str>, mode: u32 },
}

fn build(store: &Store, trees: &[TreeId], plans: Vec<Plan>) -> Result<Prepared, OpError> {
    let mut trees = trees.iter();
    let root_tree = *trees.next().ok_or_else(|| OpError::new("internal error: an exec without a root"))?;
    let root = store.materialise(&root_tree).or_fail()?;
    let workspace = store.workspace(Some(&root_tree)).or_fail()?;
    let mut prepared = Prepared {
        root_tree,
        root,
        workspace,
        mounts: Vec::new(),
        files: Vec::new(),
        trees: Vec::new(),
        ca_path: None,
        stubs: Vec::new(),
        volumes: Vec::new(),
        cwd: None,
        began_ns: 0,
    };
    for plan in plans {
        let mut next = || trees.next().ok_or_else(|| OpError::new("internal error: a mount has no tree"));
        match plan {
            Plan::Directory { path, inner, read_only } => {
                let tree = directory_at(store, next()?, &inner)?;
                prepared.directory(store, &path, tree, read_only)?;
            }
            Plan::File { path, inner } => {
                let tree = next()?;
                prepared.file(store, &path, tree, &inner)?;
            }
            Plan::Temp { path, size } => prepared.temp(&path, size)?,
            Plan::Volume { path, volume, seed } => prepared.volume(store, &path, &volume, seed)?,
            Plan::Secret { path, value, owner, mode } => {
                let (uid, gid) = if owner.is_empty() { (0, 0) } else { ids(store, &root_tree, &owner)? };
                prepared.files.push(InjectedFile {
                    path: PathBuf::from(&*path),
                    source: FileSource::Content(value.to_vec()),
                    uid,
                    gid,
                    mode,
                });
            }
        }
    }
    Ok(prepared)
}

/// Numbers of an owner whose names the root file system knows.
fn ids(store: &Store, root: &TreeId, owner: &str) -> Result<(u32, u32), OpError> {
    let passwd = read_small(store, root, "etc/passwd")?;
    let group = read_small(store, root, "etc/group")?;
    kukri_tree::owner::resolve_owner(owner, passwd.as_deref(), group.as_deref()).or_fail()
}

fn option(name: &str, path: &Path) -> String {
    // `:` separates layers and `,` options where these are joined again.
    let text = path.display().to_string();
    format!("{name}={}", text.replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,"))
}

impl Prepared {
    /// The tree of the root, or of a mounted directory, before the exec.
    fn tree(&self, index: Option<usize>) -> Option<TreeId> {
        match index {
            None => Some(self.root_tree),
            Some(index) => match self.trees.get(index) {
                Some(MountedTree::Directory { tree, .. }) => Some(*tree),
                _ => None,
            },
        }
    }

    fn mount(&mut self, path: &str, kind: &str, source: &str, options: Vec<String>) -> Result<(), OpError> {
        let mount = MountBuilder::default()
            .destination(path)
            .typ(kind)
            .source(source)
            .options(options)
            .build()
            .or_fail()?;
        self.mounts.push(mount);
        Ok(())
    }

    fn directory(&mut self, store: &Store, path: &str, tree: TreeId, read_only: bool) -> Result<(), OpError> {
        let layers = store.materialise(&tree).or_fail()?;
        let workspace = store.workspace(Some(&tree)).or_fail()?;
        let lowers: Vec<String> = layers.lowers.iter().map(|lower| lower.display().to_string()).collect();
        let mut options = vec![
            format!("lowerdir={}", lowers.join(":")),
            option("upperdir", workspace.upper()),
            option("workdir", workspace.work()),
        ];
        if read_only {
            options.push("ro".to_owned());
        }
        self.mount(path, "overlay", "overlay", options)?;
        self.trees.push(MountedTree::Directory { tree, _layers: layers, workspace });
        Ok(())
    }

    fn file(&mut self, store: &Store, path: &str, tree: &TreeId, inner: &str) -> Result<(), OpError> {
        let entry = file_at(store, tree, inner)?;
        let name = inner.rsplit('/').next().unwrap_or_default().to_owned();
        let workspace = store.workspace(None).or_fail()?;
        let copy = workspace.upper().join("file");
        super::settle::write_copy(store, &entry, &copy)?;
        let ctime_ns = super::settle::ctime_of(&copy.symlink_metadata().or_fail()?);
        let source = copy.display().to_string();
        self.mount(path, "bind", &source, vec!["bind".to_owned(), "rw".to_owned()])?;
        self.trees.push(MountedTree::File { entry, name, copy, ctime_ns, _workspace: workspace });
        Ok(())
    }

    fn temp(&mut self, path: &str, size: Option<i64>) -> Result<(), OpError> {
        let mut options = vec!["nosuid".to_owned(), "nodev".to_owned(), "mode=1777".to_owned()];
        if let Some(size) = size {
            if size <= 0 {
                return Err(OpError::new(format!(
                    "withMountedTemp {path}: size must be at least 1 byte, not {size}"
                )));
            }
            options.push(format!("size={size}"));
        }
        self.mount(path, "tmpfs", "tmpfs", options)
    }

    fn volume(
        &mut self,
        store: &Store,
        path: &str,
        volume: &VolumeUse,
        seed: Option<Seed>,
    ) -> Result<(), OpError> {
        let directory = store.volume(&volume.key, &volume.label).or_fail()?;
        let marker = super::settle::Marker::of(directory.path());
        if !marker.is_set() {
            super::settle::clear(directory.path())?;
            let owner = match &volume.owner {
                Some((owner, _)) => Some(ids(store, &self.root_tree, owner)?),
                None => None,
            };
            if let Some((tree, inner)) = seed {
                let tree = directory_at(store, &tree, &inner)?;
                super::settle::write_tree(store, &tree, directory.path(), owner)?;
            } else if let Some((uid, gid)) = owner {
                std::os::unix::fs::chown(directory.path(), Some(uid), Some(gid)).or_fail()?;
            }
            marker.set().or_fail()?;
        }
        let source = directory.path().display().to_string();
        self.mount(path, "bind", &source, vec!["rbind".to_owned(), "rw".to_owned()])?;
        self.volumes.push((path.into(), directory));
        Ok(())
    }

    /// Puts what lies at a path elsewhere, and what is mounted below it.
    fn relocate(&mut self, moved: &[(String, String)], cwd: &str) {
        for (path, target) in moved {
            let place = |given: &Path| match given.strip_prefix(path) {
                Ok(below) if below.as_os_str().is_empty() => Some(PathBuf::from(target)),
                Ok(below) => Some(Path::new(target).join(below)),
                Err(_) => None,
            };
            for mount in &mut self.mounts {
                if let Some(place) = place(mount.destination()) {
                    mount.set_destination(place);
                }
            }
            for file in &mut self.files {
                if let Some(place) = place(&file.path) {
                    file.path = place;
                }
            }
            if let Some(place) = place(Path::new(cwd)) {
                self.cwd = Some(place.display().to_string());
            }
        }
    }

    /// Names, resolvers and certificate authorities.
    fn machine_files(
        &mut self,
        store: &Store,
        machine: &crate::engine::ExecEnvironment,
        mounted: &[(Arc<str>, Place)],
    ) -> Result<(), OpError> {
        let mut inject = |path: &str, source: FileSource| {
            let path = self.place_of(store, mounted, path)?;
            self.files.push(InjectedFile { path, source, uid: 0, gid: 0, mode: 0o644 });
            Ok::<_, OpError>(())
        };
        let hosts = "127.0.0.1\tlocalhost dagger\n::1\tlocalhost ip6-localhost ip6-loopback\n";
        inject("/etc/hosts", FileSource::Content(hosts.as_bytes().to_vec()))?;
        if machine.network != NetworkMode::None && !machine.resolv_conf.is_empty() {
            inject("/etc/resolv.conf", FileSource::Content(machine.resolv_conf.clone().into_bytes()))?;
        }
        if let Some(bundle) = &machine.ca_bundle {
            inject(CA_PATH, FileSource::Host(bundle.clone()))?;
            self.ca_path = Some(CA_PATH);
        }
        Ok(())
    }

    /// Where a file of the engine's own is mounted: where its path leads, as images have links to files that a service
    /// writes. Notes what is made for it in a mounted directory; what is made in the root, the sandbox tells.
    fn place_of(
        &mut self,
        store: &Store,
        mounted: &[(Arc<str>, Place)],
        path: &str,
    ) -> Result<PathBuf, OpError> {
        let tree_at = |path: &str| match place(mounted, path) {
            (Place::Root, inner) => Some((self.root_tree, inner)),
            (Place::Tree(index), inner) => Some((self.tree(Some(index))?, inner)),
            (Place::File(..) | Place::Volume(_) | Place::Memory, _) => None,
        };
        let target = links::followed(store, path, tree_at).map(|(path, _)| path);
        let target = target.filter(|target| self.takes_a_file(store, mounted, target));
        let Some(target) = target else {
            self.cover(store, mounted, path)?;
            return Ok(PathBuf::from(path));
        };
        if let (Place::Tree(index), inner) = place(mounted, &target)
            && let Some(tree) = self.tree(Some(index))
        {
            self.stubs.extend(missing_below(store, &tree, &inner).map(|path| (Some(index), path)));
        }
        Ok(PathBuf::from(target))
    }

    /// Whether a file can be mounted at a path without links: not on a directory, below a file, or where the kernel tells of
    /// processes and devices.
    fn takes_a_file(&self, store: &Store, mounted: &[(Arc<str>, Place)], path: &str) -> bool {
        if ["/proc/", "/sys/"].iter().any(|kernel| path.starts_with(kernel)) {
            return false;
        }
        let (Place::Root, inner) = place(mounted, path) else { return true };
        match lookup(store, &self.root_tree, inner, Follow::Parents) {
            Ok(found) => !matches!(found.kind, FoundKind::Dir { .. }),
            Err(error) => !matches!(error, TreeError::NotADirectory(_)),
        }
    }

    /// Puts an empty file in the place of what the root has at a path, for as long as the command runs. In a mount, or where a
    /// link leads to the directory, it stays as it is.
    fn cover(&mut self, store: &Store, mounted: &[(Arc<str>, Place)], path: &str) -> Result<(), OpError> {
        let Some((dir, name)) = path.trim_start_matches('/').rsplit_once('/') else { return Ok(()) };
        if !matches!(place(mounted, path), (Place::Root, _)) {
            return Ok(());
        }
        let Ok(found) = lookup(store, &self.root_tree, dir, Follow::Parents) else { return Ok(()) };
        let FoundKind::Dir { node, .. } = found.kind else { return Ok(()) };
        self.workspace.cover(dir, &node.meta, name).or_fail()?;
        self.stubs.push((None, path.trim_start_matches('/').to_owned()));
        Ok(())
    }
}
