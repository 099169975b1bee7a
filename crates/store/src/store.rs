//! The handle of an open store, and what belongs to it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, RwLock};

use kukri_model::Digest;
use rustix::fs::FlockOperation;

use crate::StoreConfig;
use crate::care::caretaker::Caretaker;
use crate::care::doubts::Doubts;
use crate::disk::index::Index;
use crate::disk::journal::Journal;
use crate::disk::layout::Layout;
use crate::disk::packs::Packs;
use crate::disk::synced::Synced;
use crate::disk::{format, fsutil, reserve};
use crate::error::OpenError;
use crate::materialise::Stack;
use crate::memory::cache::NodeCache;
use crate::memory::leases::Leases;
use crate::memory::recent::Recent;

/// A handle of an open store. Cheap to clone; usable from all threads. The store is closed with its last handle.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    /// Stops its thread with the last handle.
    _caretaker: Arc<Caretaker>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: StoreConfig,
    pub(crate) layout: Layout,
    pub(crate) index: Index,
    pub(crate) journal: Journal,
    pub(crate) packs: Packs,
    pub(crate) nodes: NodeCache,
    pub(crate) recent: Recent,
    pub(crate) leases: Arc<Leases>,
    /// Held for reading while something is on disk that the index does not name yet; for writing while the collector
    /// deletes.
    pub(crate) gate: RwLock<()>,
    /// Grows, under the gate, before something that records name is deleted.
    pub(crate) deletions: std::sync::atomic::AtomicU64,
    /// See [`Store::take_lost`].
    pub(crate) lost: std::sync::atomic::AtomicBool,
    /// One collection, verification or usage report at a time.
    pub(crate) care: Mutex<()>,
    /// Held by whoever empties the trash.
    pub(crate) emptying: Mutex<()>,
    /// How many wait for the trash to be empty.
    pub(crate) hurry: std::sync::atomic::AtomicUsize,
    /// Objects that were made by this process, and have no row yet. What is left of work that failed does no harm.
    pub(crate) unrecorded: Mutex<HashSet<Digest>>,
    /// One change of an object's metadata at a time.
    pub(crate) adopting: Mutex<()>,
    /// Stacks of layers that were looked up lately, by stored digest.
    pub(crate) stacks: Mutex<HashMap<Digest, Arc<Stack>>>,
    /// Trees that are being materialised.
    pub(crate) building: Mutex<HashSet<Digest>>,
    pub(crate) built: Condvar,
    /// Uses of results that are not in the index yet, seconds since 1970.
    pub(crate) used: Mutex<HashMap<Digest, i64>>,
    pub(crate) next_layer: std::sync::atomic::AtomicU64,
    pub(crate) synced: Synced,
    pub(crate) doubts: Doubts,
    /// Keeps the lock as long as anything of the store lives.
    _lock: File,
}

impl Store {
    /// Opens the store, making it if it does not exist. What an engine that died left behind is only renamed, so this
    /// takes milliseconds however large the store is.
    pub fn open(config: StoreConfig) -> Result<Self, OpenError> {
        let root = config.root.clone();
        let fail = |action, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { action, path, source }
        };
        fs::create_dir_all(&root).map_err(fail("make", &root))?;
        let lock = take_lock(&root)?;
        format::check(&root)?;
        // Not before: a store that is refused stays as it is.
        sign(&lock);
        // The index makes files when it is opened.
        reserve::give_up_when_full(&root);
        let layout = Layout::open(&root)?;
        let index = Index::open(&layout.index())?;
        let journal = Journal::open(&layout.journal()).map_err(fail("open", &layout.journal()))?;
        let packs = Packs::open(layout.packs()).map_err(fail("list", &layout.packs()))?;
        let last_layer = last_layer(&layout).map_err(fail("list", &layout.layers()))?;
        let (synced, trusted) = Synced::open(&root).map_err(fail("look at", &root))?;
        let inner = Arc::new(Inner {
            nodes: NodeCache::new(config.node_cache_bytes),
            recent: Recent::new(config.grace),
            config,
            layout,
            index,
            journal,
            packs,
            leases: Arc::default(),
            gate: RwLock::default(),
            deletions: std::sync::atomic::AtomicU64::new(0),
            lost: std::sync::atomic::AtomicBool::new(false),
            care: Mutex::default(),
            emptying: Mutex::default(),
            hurry: std::sync::atomic::AtomicUsize::new(0),
            unrecorded: Mutex::default(),
            adopting: Mutex::default(),
            stacks: Mutex::default(),
            building: Mutex::default(),
            built: Condvar::new(),
            used: Mutex::default(),
            // Also above the mark, where those that it was of have gone: it says nothing of later ones.
            next_layer: std::sync::atomic::AtomicU64::new(last_layer.max(synced.layer()) + 1),
            synced,
            doubts: Doubts::default(),
            _lock: lock,
        });
        let failed = |error: crate::StoreError| fail("look through", &root)(error.into_io());
        if let Some(trusted) = trusted {
            inner.distrust(trusted).map_err(failed)?;
        }
        inner.find_doubts().map_err(failed)?;
        let caretaker = Caretaker::start(&inner).map_err(fail("start the caretaker of", &root))?;
        Ok(Self { inner, _caretaker: Arc::new(caretaker) })
    }

    /// Directory of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.inner.layout.root()
    }

    /// What it was opened with.
    #[must_use]
    pub fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    /// Whether the store's disk has less than 1 MiB left: what commands write has no room then.
    #[must_use]
    pub fn disk_is_full(&self) -> bool {
        rustix::fs::statvfs(self.root())
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < 1 << 20)
    }

    /// Gives back the memory of what can be read from the disk again.
    pub fn trim(&self) -> crate::Result<()> {
        self.inner.nodes.clear();
        self.inner.recent.trim();
        self.inner.index.trim()
    }

    /// A directory of one's own in the store's file system, gone when the value is dropped or the store is opened the
    /// next time. For files that are going to be renamed or linked into the store, and for scratch space of execs.
    pub fn scratch(&self) -> crate::Result<ScratchDir> {
        self.inner.make_room();
        let path = self.inner.layout.fresh_tmp();
        fs::create_dir(&path).map_err(crate::StoreError::io("make", &path))?;
        Ok(ScratchDir { inner: Arc::clone(&self.inner), path })
    }
}

/// Whether an engine has the store at `root` open.
#[must_use]
pub fn is_in_use(root: &Path) -> bool {
    // An engine which starts at this very moment may be told that the store is taken; it tries again.
    File::open(root.join("lock")).is_ok_and(|lock| {
        matches!(
            rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared),
            Err(rustix::io::Errno::WOULDBLOCK)
        )
    })
}

/// See [`Store::scratch`].
#[derive(Debug)]
pub struct ScratchDir {
    inner: Arc<Inner>,
    path: PathBuf,
}

impl ScratchDir {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        let _ = self.inner.layout.discard(&self.path);
    }
}

fn take_lock(root: &Path) -> Result<File, OpenError> {
    let path = root.join("lock");
    let fail = |action| {
        let path = path.clone();
        move |source| OpenError::Io { action, path, source }
    };
    let options = OpenOptions::new().create(true).truncate(false).read(true).write(true).clone();
    let mut file = options.open(&path).map_err(fail("open"))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(OpenError::InUse { root: root.to_owned(), holder: text.trim().parse().ok() });
        }
        Err(errno) => return Err(fail("lock")(errno.into())),
    }
    Ok(file)
}

/// Says who has the store. Only for messages; on a full disk there may be no room for it.
fn sign(mut lock: &File) {
    let _ =
        lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", std::process::id()));
}

/// Highest number under which a layer lies on disk, whether the index knows it or not.
fn last_layer(layout: &Layout) -> std::io::Result<u64> {
    let dir = fsutil::open_dir_path(&layout.layers())?;
    let names = fsutil::list(&dir)?;
    Ok(names.iter().filter_map(|(name, _)| name.to_str().ok()?.parse().ok()).max().unwrap_or(0))
}
