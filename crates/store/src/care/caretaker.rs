//! The background thread of a store: moves the journal of calls into the index and the log of the index into the database,
//! notes uses, deletes trash slowly.
//!
//! Slowly, because ext4 makes files many times slower for minutes after a mass deletion.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::disk::{fsutil, reserve};
use crate::memory::lock;
use crate::store::Inner;

/// Between two rounds.
const TICK: Duration = Duration::from_millis(500);
/// Length of the index's log from which on it is worth moving, and of the journal from which on it is moved in any case.
const LOG_BYTES: u64 = 4 << 20;
/// Shortest time between two moves of the log: each waits for the disk.
const MOVE_EVERY: Duration = Duration::from_secs(5);
/// How long no layer and no object was made when those that were are noted as being on the disk. Longer than the half a minute after which the
/// kernel writes what is in its memory: by then there is next to nothing to wait for.
const CALM: Duration = Duration::from_secs(40);
/// Deletions in a row, and the pause after them.
const SLICE: u32 = 64;
const PAUSE: Duration = Duration::from_millis(4);
/// Longest time a round spends deleting.
const ROUND: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Caretaker {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Caretaker {
    pub(crate) fn start(inner: &Arc<Inner>) -> io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (weak, signal) = (Arc::downgrade(inner), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("store-caretaker".to_owned());
        let thread = thread.spawn(move || run(&weak, &signal))?;
        Ok(Self { stop, thread: Mutex::new(Some(thread)) })
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        *lock(&self.stop.0) = true;
        self.stop.1.notify_all();
        if let Some(thread) = lock(&self.thread).take()
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

fn run(inner: &Weak<Inner>, signal: &(Mutex<bool>, Condvar)) {
    // Transactions at the last move of the log, and when it was.
    let mut moved = (0, Instant::now());
    // Bytes of the journal a round ago.
    let mut journal = 0;
    // The last layer and the number of objects, and since when that is so.
    let mut made = ((0, 0), Instant::now());
    loop {
        if let Some(inner) = inner.upgrade()
            && let Err(error) = inner.check_doubts(&|| *lock(&signal.0))
        {
            tracing::warn!(%error, "files that may lack bytes are not checked");
        }
        let stopped = signal.1.wait_timeout_while(lock(&signal.0), TICK, |stop| !*stop);
        let stop = *stopped.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = inner.flush_used() {
            tracing::warn!(%error, "uses of results are not noted");
        }
        let appended = inner.journal.bytes();
        // When nobody appends to it, or it is long.
        if (stop || appended == journal || appended > LOG_BYTES)
            && let Err(error) = inner.move_journal()
        {
            tracing::warn!(%error, "the journal of calls grows");
        }
        journal = appended;
        if stop {
            return;
        }
        let writes = inner.index.writes();
        if writes > moved.0 && moved.1.elapsed() > MOVE_EVERY && inner.index.log_bytes() > LOG_BYTES {
            moved = (writes, Instant::now());
            // First what the rows refer to, then the rows.
            inner.sync();
            if let Err(error) = inner.index.checkpoint() {
                tracing::warn!(%error, "the log of the index grows");
            }
        }
        let (last, objects) = (inner.last_layer(), inner.synced.objects());
        if made.0 != (last, objects) {
            made = ((last, objects), Instant::now());
        } else if (last > inner.synced.layer() || objects > inner.synced.objects_synced())
            && made.1.elapsed() > CALM
        {
            made.1 = Instant::now();
            inner.sync();
        }
        let emptying = lock(&inner.emptying);
        let mut round = Round { signal, hurry: &inner.hurry, start: Instant::now(), done: 0 };
        if let Err(error) = round.empty(&inner.layout.trash()) {
            tracing::warn!(%error, "the trash is not empty");
        }
        drop(emptying);
        reserve::take(inner.layout.root());
    }
}

struct Round<'a> {
    signal: &'a (Mutex<bool>, Condvar),
    hurry: &'a AtomicUsize,
    start: Instant,
    done: u32,
}

impl Round<'_> {
    /// Deletes what is in a directory. Whether all of it is gone.
    fn empty(&mut self, dir: &Path) -> io::Result<bool> {
        let fd = match fsutil::open_dir_path(dir) {
            Err(rustix::io::Errno::ACCESS) => {
                // Overlay's own work directories have no permissions at all.
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
                fsutil::open_dir_path(dir)?
            }
            other => other?,
        };
        for (name, file_type) in fsutil::list(&fd)? {
            let path =
                dir.join(std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes()) as &std::ffi::OsStr);
            if file_type == rustix::fs::FileType::Directory {
                if !self.empty(&path)? {
                    return Ok(false);
                }
                fs::remove_dir(&path)?;
            } else {
                fs::remove_file(&path)?;
            }
            self.done += 1;
            if self.done.is_multiple_of(SLICE) {
                std::thread::sleep(PAUSE);
                let hurry = self.hurry.load(Ordering::Relaxed) > 0;
                if hurry || *lock(&self.signal.0) || self.start.elapsed() > ROUND {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
