//! The index: one SQLite database, one connection that writes, some that read.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::OpenError;
use crate::error::{Result, StoreError};

/// Reading connections kept for later use.
const MAX_IDLE: usize = 8;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS nodes(digest BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS packed(
    digest BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects(key BLOB PRIMARY KEY, digest BLOB NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_by_digest ON objects(digest);
CREATE TABLE IF NOT EXISTS unsynced(id INTEGER PRIMARY KEY, key BLOB NOT NULL, doubted INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS layers(id INTEGER PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS stacks(tree BLOB PRIMARY KEY, layers BLOB NOT NULL, parent BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results(
    key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, roots BLOB NOT NULL, label TEXT NOT NULL, slot BLOB NOT NULL,
    inputs TEXT NOT NULL, cost_ms INTEGER NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS results_by_slot ON results(slot, created);
CREATE INDEX IF NOT EXISTS failures ON results(created) WHERE value=x'';
CREATE TABLE IF NOT EXISTS calls(digest BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS volumes(
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, label TEXT NOT NULL,
    created INTEGER NOT NULL, used INTEGER NOT NULL);
";

#[derive(Debug)]
pub(crate) struct Index {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    /// Transactions since the store was opened.
    writes: AtomicU64,
}

impl Index {
    pub(crate) fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        let fail = |source| OpenError::Index { path: path.to_owned(), source };
        let writer = connect(path, WRITER_CACHE_KIB).map_err(fail)?;
        writer.execute_batch(SCHEMA).map_err(fail)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            writes: AtomicU64::new(0),
        })
    }

    /// Runs `work` in one transaction: all of it happens, or nothing.
    pub(crate) fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut writer = lock(&self.writer);
        self.writes.fetch_add(1, Ordering::Relaxed);
        let run = move || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(StoreError::index(action))
    }

    /// Runs `work` on a connection that only reads.
    pub(crate) fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path, READER_CACHE_KIB).map_err(StoreError::index("open"))?,
        };
        let value = work(&connection).map_err(StoreError::index(action));
        let mut readers = lock(&self.readers);
        if readers.len() < MAX_IDLE {
            readers.push(connection);
        }
        value
    }

    /// Gives the memory of the page caches back. They fill again with use.
    pub(crate) fn trim(&self) -> Result<()> {
        lock(&self.readers).clear();
        let writer = lock(&self.writer);
        writer.execute_batch("PRAGMA shrink_memory").map_err(StoreError::index("give memory back"))
    }

    /// Like [`Index::read`], for many queries that see the same state and share the cost of starting.
    pub(crate) fn read_many<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.read(action, |connection| {
            connection.execute_batch("BEGIN")?;
            let value = work(connection);
            connection.execute_batch("COMMIT")?;
            value
        })
    }

    /// Moves the log into the database file. Blocks nobody.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.read("checkpoint", |connection| {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        })
    }

    /// Gives the pages that hold nothing back, a part at a time, so that nobody waits for long; tells how many those were. The
    /// file gets shorter when the log is moved.
    pub(crate) fn vacuum(&self) -> Result<u64> {
        let mut all = 0;
        loop {
            let pages = self.write("give pages back", |transaction| {
                // A row for each page: who takes one row gives one page back.
                let mut vacuum = transaction.prepare_cached(VACUUM)?;
                let (mut rows, mut pages) = (vacuum.query([])?, 0);
                while rows.next()?.is_some() {
                    pages += 1;
                }
                Ok(pages)
            })?;
            if pages == 0 {
                return Ok(all);
            }
            all += pages;
        }
    }

    /// Empties the log, all of which was moved, unless somebody reads what is in it at this moment.
    pub(crate) fn empty_log(&self) -> Result<()> {
        self.read("empty the log", |connection| {
            connection.busy_timeout(Duration::ZERO)?;
            let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            connection.busy_timeout(BUSY)?;
            emptied
        })
    }

    /// Transactions since the store was opened.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Bytes of the log.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.path.with_extension("db-wal").metadata().map_or(0, |meta| meta.len())
    }

    /// Bytes of the database and its log.
    pub(crate) fn bytes(&self) -> u64 {
        self.path.metadata().map_or(0, |meta| meta.len()) + self.log_bytes()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Pages that the writing connection keeps, in KiB.
const WRITER_CACHE_KIB: u32 = 4096;
/// The same for each reading one. There may be many, and the kernel keeps the pages too.
const READER_CACHE_KIB: u32 = 512;

/// How long a connection waits for others.
const BUSY: Duration = Duration::from_secs(30);
/// Gives 4 MiB back.
const VACUUM: &str = "PRAGMA incremental_vacuum(1024)";

fn connect(path: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Without a sync at each commit: a commit survives the death of the process, and the loss of power costs at most
    // the last ones. The caretaker syncs files first and then moves the log, so a checkpoint of its own comes only
    // when the log is very long (64 MiB).
    connection.execute_batch(
        "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=4194304; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=16384;
         PRAGMA temp_store=MEMORY;",
    )?;
    connection.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    Ok(connection)
}
