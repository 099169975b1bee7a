//! Results of operations and descriptions of calls: what is found again after a restart.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use kukri_model::Digest;
use kukri_tree::TreeId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::Store;
use crate::disk::journal::{LONG, Record};
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::store::Inner;

/// Of how many earlier results [`Store::nearest`] looks for the most alike.
const MAX_COMPARED: usize = 64;

/// Bytes of calls after which [`Store::get_calls`] reads no more of them.
const MAX_AHEAD: usize = 1 << 20;

/// How long calls are kept if nothing else is said.
const KEEP_CALLS: Duration = Duration::from_secs(90 * 24 * 3600);

const ADD_CALL: &str = "INSERT INTO calls VALUES(?,?,?) ON CONFLICT(digest) DO NOTHING";

/// Something a result keeps alive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Root {
    /// A tree with everything in it.
    Tree(TreeId),
    /// A content.
    Blob(Digest),
}

impl Root {
    /// Under which it is in the store.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        match self {
            Self::Tree(tree) => &tree.stored,
            Self::Blob(blob) => blob,
        }
    }
}

/// What is kept of a finished operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultRecord {
    /// The result, in the caller's encoding; never empty.
    pub value: Vec<u8>,
    /// What it refers to; kept as long as the result is.
    pub roots: Vec<Root>,
    /// What to show for it.
    pub label: String,
    /// Identity of the step without its inputs: two runs of one step with different inputs share it.
    pub slot: Digest,
    /// The inputs by name, to explain a miss.
    pub inputs: Vec<(String, Digest)>,
    /// How long it took to make, milliseconds.
    pub cost_ms: u64,
    /// When it was made.
    pub created: SystemTime,
}

/// An encoded call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredCall {
    /// Its digest.
    pub digest: Digest,
    /// The call, in the caller's encoding.
    pub bytes: Vec<u8>,
    /// When it was last stored, to the second.
    pub used: SystemTime,
}

/// An earlier result of the same slot, or a run that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultSummary {
    /// Its key.
    pub key: Digest,
    /// What to show for it.
    pub label: String,
    /// The inputs by name.
    pub inputs: Vec<(String, Digest)>,
    /// How long it took to make, milliseconds.
    pub cost_ms: u64,
    /// When it was made, to the second.
    pub created: SystemTime,
    /// Grows with each result that is stored.
    pub order: i64,
    /// Whether it is a run that failed: see [`Store::put_failures`].
    pub failed: bool,
}

/// What is kept of a result, and how long it took to make, milliseconds.
pub type Peeked = (Vec<u8>, u64);

impl Store {
    /// The value of a result; counts as a use of it. A result whose tree or content is not there any more is a miss.
    pub fn get_result(&self, key: &Digest) -> Result<Option<Vec<u8>>> {
        let inner = &*self.inner;
        inner.touch([key]);
        let found: Option<(Vec<u8>, Vec<u8>)> = inner.index.read("look up a result", |connection| {
            let mut query = connection.prepare_cached("SELECT value, roots FROM results WHERE key=?")?;
            query.query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })?;
        let Some((value, roots)) = found else { return Ok(None) };
        let roots = decode_roots(&roots);
        for root in &roots {
            let there = match root {
                Root::Tree(tree) => {
                    inner.touch([&tree.stored]);
                    inner.nodes.get(&tree.stored).is_some() || self.has_nodes(&[tree.stored])?[0]
                }
                Root::Blob(blob) => self.has_blobs(&[*blob])?[0],
            };
            if !there {
                tracing::warn!(%key, ?root, "a result refers to what is gone; it counts as a miss");
                self.forget_result(key)?;
                return Ok(None);
            }
        }
        lock(&inner.used).insert(*key, now());
        Ok(Some(value))
    }

    /// What is kept under these keys, and how long each took in milliseconds, without looking whether what it refers to is
    /// still there, and without counting as use.
    pub fn peek_results(&self, keys: &[Digest]) -> Result<Vec<Option<Peeked>>> {
        self.inner.index.read_many("look at results", |connection| {
            let mut query = connection.prepare_cached("SELECT value, cost_ms FROM results WHERE key=?")?;
            let one = |key: &Digest| {
                query
                    .query_row([key.as_bytes()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))
                    .optional()
            };
            keys.iter().map(one).collect()
        })
    }

    /// Stores a result, replacing an earlier one with this key.
    pub fn put_result(&self, key: &Digest, record: ResultRecord) -> Result<()> {
        self.put_results(vec![(*key, record)])
    }

    /// Stores results in one transaction, replacing earlier ones with these keys.
    pub fn put_results(&self, results: Vec<(Digest, ResultRecord)>) -> Result<()> {
        let inner = &*self.inner;
        for (key, record) in &results {
            inner.touch(record.roots.iter().map(Root::digest).chain([key]));
        }
        inner.index.write("store results", |transaction| {
            results
                .iter()
                .try_for_each(|(key, record)| insert(transaction, key, &record.value, &record.roots, record))
        })
    }

    /// Earlier results of a slot, and runs that failed, newest first, at most `limit`. Where there are more, those of the latest 64 whose inputs
    /// are most like `inputs`; if there are none of these, the latest.
    pub fn nearest(
        &self,
        slot: &Digest,
        inputs: &[(String, Digest)],
        limit: usize,
    ) -> Result<Vec<ResultSummary>> {
        self.inner.index.read("look up earlier results", |connection| {
            let mut latest = connection.prepare_cached(
                "SELECT rowid, inputs FROM results WHERE slot=? ORDER BY created DESC, rowid DESC LIMIT ?",
            )?;
            let wanted = encode_inputs(inputs);
            let most = if inputs.is_empty() { limit } else { limit.max(MAX_COMPARED) };
            let mut rows = latest.query(params![slot.as_bytes(), most as i64])?;
            let mut found: Vec<(usize, usize, i64)> = Vec::new();
            // Only what is given is taken apart: that costs more than all the rest.
            while let Some(row) = rows.next()? {
                let inputs = row.get_ref(1)?.as_bytes().unwrap_or_default();
                found.push((likeness(inputs, wanted.as_bytes()), found.len(), row.get(0)?));
            }
            if found.len() > limit {
                found.sort_unstable_by_key(|(likeness, age, _)| (Reverse(*likeness), *age));
                found.truncate(limit);
                found.sort_unstable_by_key(|(_, age, _)| *age);
            }
            let mut one = connection.prepare_cached(
                "SELECT key, label, inputs, cost_ms, created, rowid, value=x'' FROM results WHERE rowid=?",
            )?;
            found.iter().map(|(_, _, row)| one.query_row([row], summary)).collect()
        })
    }

    /// One result.
    pub fn result_summary(&self, key: &Digest) -> Result<Option<ResultSummary>> {
        self.inner.index.read("look up a result", |connection| {
            let mut query = connection.prepare_cached(
                "SELECT key, label, inputs, cost_ms, created, rowid, value=x'' FROM results WHERE key=?",
            )?;
            query.query_row([key.as_bytes()], summary).optional()
        })
    }

    /// Slots of results whose label has `part` in it, latest first, at most `limit`. Records without a label are not
    /// results of steps and are left out.
    pub fn slots_labelled(&self, part: &str, limit: u32) -> Result<Vec<Digest>> {
        self.inner.index.read("search results", |connection| {
            let mut query = connection.prepare_cached(
                "SELECT slot, max(created) AS latest FROM results WHERE label<>'' AND instr(label, ?)>0
                 GROUP BY slot ORDER BY latest DESC LIMIT ?",
            )?;
            let slots: Vec<Vec<u8>> =
                query.query_map(params![part, limit], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(slots.iter().filter_map(|slot| Digest::from_slice(slot)).collect())
        })
    }

    /// Drops a result; whether there was one. What it referred to goes with the next collection.
    pub fn forget_result(&self, key: &Digest) -> Result<bool> {
        lock(&self.inner.used).remove(key);
        self.inner.index.write("drop a result", |transaction| {
            Ok(transaction.execute("DELETE FROM results WHERE key=?", [key.as_bytes()])? > 0)
        })
    }

    /// Stores encoded calls in one transaction, each under its digest; replaces those that are there.
    pub fn put_calls(&self, calls: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        if calls.is_empty() {
            return Ok(());
        }
        let now = now();
        self.inner.index.write("store calls", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO calls VALUES(?,?,?)
                 ON CONFLICT(digest) DO UPDATE SET bytes=excluded.bytes, used=excluded.used",
            )?;
            for (digest, bytes) in &calls {
                insert.execute(params![digest.as_bytes(), bytes, now])?;
            }
            Ok(())
        })?;
        calls.iter().for_each(|(digest, _)| self.inner.journal.replaced(digest));
        Ok(())
    }

    /// Stores an encoded call under its digest, unless one is there. When it returns, the call survives the death of the
    /// process.
    pub fn add_call(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let now = now();
        if bytes.len() >= LONG && self.inner.journal.append(digest, bytes, now).is_ok() {
            return Ok(());
        }
        // On a full disk, for example, the index says what to do about it.
        self.inner.index.write("store a call", |transaction| {
            transaction.prepare_cached(ADD_CALL)?.execute(params![digest.as_bytes(), bytes, now])?;
            Ok(())
        })
    }

    /// An encoded call, and at most `ahead` of those that were stored before it, latest first: often it is made of them.
    /// Nothing if the call is not there. Gives up reading ahead at 1 MiB.
    pub fn get_calls(&self, digest: &Digest, ahead: usize) -> Result<Vec<StoredCall>> {
        let journal = self.inner.journal.get(digest);
        let recent = journal.map_err(StoreError::io("read", self.inner.layout.journal()))?;
        if let Some(Record { digest, bytes, used }) = recent {
            return Ok(vec![StoredCall { digest, bytes, used: time(used) }]);
        }
        self.inner.index.read("look up a call", |connection| {
            let mut query = connection.prepare_cached(
                "SELECT digest, bytes, used FROM calls WHERE rowid<=(SELECT rowid FROM calls WHERE digest=?)
                 ORDER BY rowid DESC LIMIT ?",
            )?;
            let limit = i64::try_from(ahead.saturating_add(1)).unwrap_or(i64::MAX);
            let mut rows = query.query(params![digest.as_bytes(), limit])?;
            let (mut calls, mut read) = (Vec::new(), 0);
            while read <= MAX_AHEAD
                && let Some(row) = rows.next()?
            {
                let (key, bytes): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
                read += bytes.len();
                calls.extend(Digest::from_slice(&key).map(|digest| StoredCall {
                    digest,
                    bytes,
                    used: row.get(2).map(time).unwrap_or(SystemTime::UNIX_EPOCH),
                }));
            }
            Ok(calls)
        })
    }

    /// How long a call is kept after it was stored, at least.
    #[must_use]
    pub fn calls_kept(&self) -> Duration {
        self.config().keep_duration.unwrap_or(KEEP_CALLS)
    }

    /// Drops calls that were last stored before a time.
    pub fn forget_calls(&self, before: SystemTime) -> Result<()> {
        self.inner.move_journal()?;
        self.inner.index.write("forget old calls", |transaction| {
            transaction.execute("DELETE FROM calls WHERE used < ?", [seconds(before)]).map(drop)
        })
    }
}

impl Inner {
    /// Moves calls from the journal into the index. The caretaker does it now and then.
    pub(crate) fn move_journal(&self) -> Result<()> {
        self.journal.move_into(|records| {
            self.index.write("store calls", |transaction| {
                let mut insert = transaction.prepare_cached(ADD_CALL)?;
                for record in records {
                    let Record { digest, bytes, used } =
                        record.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                    insert.execute(params![digest.as_bytes(), bytes, used])?;
                }
                Ok(())
            })
        })
    }

    /// Writes the uses of results that were only noted in memory. Where that fails they stay noted.
    pub(crate) fn flush_used(&self) -> Result<()> {
        let used = std::mem::take(&mut *lock(&self.used));
        if used.is_empty() {
            return Ok(());
        }
        let written = self.index.write("note uses of results", |transaction| {
            let mut update = transaction.prepare_cached("UPDATE results SET used=? WHERE key=?")?;
            for (key, at) in &used {
                update.execute(params![at, key.as_bytes()])?;
            }
            Ok(())
        });
        if written.is_err() {
            let mut noted = lock(&self.used);
            for (key, at) in used {
                noted.entry(key).or_insert(at);
            }
        }
        written
    }
}

fn summary(row: &Row<'_>) -> rusqlite::Result<ResultSummary> {
    let (key, inputs): (Vec<u8>, String) = (row.get(0)?, row.get(2)?);
    let cost: i64 = row.get(3)?;
    Ok(ResultSummary {
        key: Digest::from_slice(&key).unwrap_or_else(|| Digest::from_bytes([0; 32])),
        label: row.get(1)?,
        inputs: serde_json::from_str(&inputs).unwrap_or_default(),
        cost_ms: cost as u64,
        created: time(row.get(4)?),
        order: row.get(5)?,
        failed: row.get(6)?,
    })
}

/// How many bytes of two encoded lists of inputs are the same: at the same places, or at their beginnings and ends.
/// Digests have one length, so lists with the same names have the same length.
fn likeness(a: &[u8], b: &[u8]) -> usize {
    if a.len() == b.len() {
        return a.iter().zip(b).filter(|(a, b)| a == b).count();
    }
    let least = a.len().min(b.len());
    let before = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let after = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    (before + after).min(least)
}

/// Writes the row of a run, in place of one with this key. `value` is empty for a run that failed.
pub(crate) fn insert(
    connection: &Connection,
    key: &Digest,
    value: &[u8],
    roots: &[Root],
    record: &ResultRecord,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO results VALUES(?,?,?,?,?,?,?,?,?)")?;
    insert.execute(params![
        key.as_bytes(),
        value,
        encode_roots(roots),
        record.label,
        record.slot.as_bytes(),
        encode_inputs(&record.inputs),
        record.cost_ms as i64,
        seconds(record.created),
        now(),
    ])?;
    Ok(())
}

fn encode_inputs(inputs: &[(String, Digest)]) -> String {
    // Texts and digests always have a JSON form.
    serde_json::to_string(inputs).unwrap_or_default()
}

fn encode_roots(roots: &[Root]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(roots.len() * 65);
    for root in roots {
        match root {
            Root::Tree(tree) => {
                bytes.push(b't');
                bytes.extend_from_slice(tree.stored.as_bytes());
                bytes.extend_from_slice(tree.content.as_bytes());
            }
            Root::Blob(blob) => {
                bytes.push(b'b');
                bytes.extend_from_slice(blob.as_bytes());
            }
        }
    }
    bytes
}

/// Reads what `encode_roots` wrote; stops at anything else.
pub(crate) fn decode_roots(mut bytes: &[u8]) -> Vec<Root> {
    let mut roots = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        let digest = |at: usize| rest.get(at..at + Digest::LEN).and_then(Digest::from_slice);
        let (root, len) = match tag {
            b't' => (
                digest(0).zip(digest(32)).map(|(stored, content)| Root::Tree(TreeId { stored, content })),
                64,
            ),
            b'b' => (digest(0).map(Root::Blob), 32),
            _ => (None, 0),
        };
        let Some(root) = root else { break };
        roots.push(root);
        bytes = &rest[len..];
    }
    roots
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> i64 {
    seconds(SystemTime::now())
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// The time `seconds` after 1970.
pub(crate) fn time(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64)
}
