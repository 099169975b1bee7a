//! Calls whose IDs were given out, so that they can be found again: in the store, those used last in memory as well.

mod compact;
mod kept;
mod rows;
mod seek;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use kukri_model::{Digest, DigestMap, Generations};
use kukri_store::Store;

use self::kept::{Gathered, Row};
use self::rows::Rows;
use self::seek::Seeking;
pub(super) use self::seek::each_part;
use crate::args::ArgValue;
use crate::call::Call;
use crate::error::{OpError, OrFail};
use crate::registry::Registry;

/// Bytes of calls kept in memory; those beyond are read from the store again.
const MAX_BYTES: usize = 64 << 20;

/// Calls of a row up to which each of them is known by its digest. Of longer rows only the last and the [landmarks](is_landmark)
/// are: to know thousands, and to look for thousands that are not known, takes longer than to write them.
const ALL_KNOWN: usize = 64;

/// Most bytes that wait to be written over by the next row.
const MAX_BUFFER: usize = 1 << 20;

/// The calls that were given out.
pub struct Calls {
    root: Arc<Call>,
    known: Mutex<Generations<Known>>,
    /// Memory for the next row: a new piece for each would be given by the system page by page.
    buffer: Mutex<Vec<u8>>,
}

impl Default for Calls {
    fn default() -> Self {
        let known = Mutex::new(Generations::new(MAX_BYTES));
        Self { root: Call::root(), known, buffer: Mutex::default() }
    }
}

/// A call, and how the store has it.
#[derive(Clone)]
struct Known {
    call: Arc<Call>,
    /// The call whose row has it, or leads to it.
    row: Digest,
    /// When the oldest row that it takes to make the call again was stored.
    since: SystemTime,
}

/// What the store has of a call.
enum Stored {
    /// No row.
    Nothing,
    /// A row that does not lead to the call.
    Damaged,
    Call(Known),
}

impl Calls {
    fn known(&self) -> MutexGuard<'_, Generations<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what the store has as well.
    pub fn trim(&self) {
        self.known().clear();
        *self.buffer.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new();
    }

    /// Keeps a call and all that it is made of.
    pub fn remember(
        &self,
        store: Option<&Store>,
        registry: &Registry,
        call: &Arc<Call>,
    ) -> Result<(), OpError> {
        self.remember_at(store, registry, call, SystemTime::now())
    }

    /// One row for all that the store does not have yet. Where it may forget before the time of this call is over, it gets
    /// everything anew.
    fn remember_at(
        &self,
        store: Option<&Store>,
        registry: &Registry,
        call: &Arc<Call>,
        now: SystemTime,
    ) -> Result<(), OpError> {
        if call.receiver.is_none() {
            return Ok(());
        }
        let fresh = fresh(store, now);
        let known = self.known().get(&call.digest).filter(|known| known.row == call.digest).cloned();
        let known = match (known, store) {
            (Some(known), _) => Stored::Call(known),
            (None, Some(store)) => self.read(&mut Rows::new(store), registry, &call.digest)?,
            (None, None) => Stored::Nothing,
        };
        let (row, since) = match known {
            Stored::Call(known) if known.since >= fresh => return Ok(()),
            Stored::Nothing => self.gather(call, Some(fresh)),
            // Other rows may need what the row has, so the one in its place has all of it, and refers to none of them.
            Stored::Call(_) | Stored::Damaged => {
                let (row, since) = self.gather(call, None);
                self.encoded(&row, |bytes| match store {
                    Some(store) => store.put_calls(vec![(call.digest, bytes.to_vec())]).or_fail(),
                    None => Ok(()),
                })?;
                self.learn(row.calls(), call.digest, since.unwrap_or(now));
                return Ok(());
            }
        };
        if let Some(store) = store {
            // Somebody else may have been faster: his row will do.
            self.encoded(&row, |bytes| store.add_call(&call.digest, bytes).or_fail())?;
        }
        self.learn(row.calls(), call.digest, since.map_or(now, |since| since.min(now)));
        Ok(())
    }

    fn encoded<T>(&self, row: &Gathered<'_>, write: impl FnOnce(&[u8]) -> T) -> T {
        let buffer = || self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let free = std::mem::take(&mut *buffer());
        let bytes = row.encode(free);
        let written = write(&bytes);
        if bytes.capacity() <= MAX_BUFFER {
            *buffer() = bytes;
        }
        written
    }

    /// Only what the store has: who finds a call here relies on that. `calls` is what is new in the row of `digest`.
    fn learn(&self, calls: &[&Arc<Call>], digest: Digest, since: SystemTime) {
        let mut known = self.known();
        // What lies between two that are known is held by the later one.
        let mut bytes = 0;
        for (at, call) in calls.iter().enumerate() {
            bytes += size(call);
            if calls.len() <= ALL_KNOWN || at + 1 == calls.len() || is_landmark(&call.digest) {
                let new = Known { call: Arc::clone(call), row: digest, since };
                known.insert(call.digest, new, ENTRY + std::mem::take(&mut bytes));
                call.learn();
            }
        }
    }

    /// What the row of a call has to have, and the age of what it refers to: calls whose rows are not older than `fresh`.
    fn gather<'c>(
        &self,
        call: &'c Arc<Call>,
        fresh: Option<SystemTime>,
    ) -> (Gathered<'c>, Option<SystemTime>) {
        let mut known = self.known();
        let mut seeking = Seeking { known: &mut known, wanted: call.digest, fresh, oldest: None };
        let row = seeking.chain(call).unwrap_or_else(|| Gathered::Web(seeking.web(call)));
        (row, seeking.oldest)
    }

    /// Finds a call again.
    pub fn find(
        &self,
        store: Option<&Store>,
        registry: &Registry,
        digest: &Digest,
    ) -> Result<Option<Arc<Call>>, OpError> {
        let found = match (self.look_up(digest), store) {
            (Some(known), _) => known,
            (None, None) => return Ok(None),
            (None, Some(store)) => match self.read(&mut Rows::new(store), registry, digest)? {
                Stored::Call(known) => known,
                Stored::Nothing | Stored::Damaged => return Ok(None),
            },
        };
        if found.since < fresh(store, SystemTime::now())
            && let Err(error) = self.remember(store, registry, &found.call)
        {
            // It was found; on a full disk, for example, it cannot be kept for longer.
            tracing::warn!(%error, "a call that is in use cannot be kept for longer");
        }
        Ok(Some(found.call))
    }

    fn look_up(&self, digest: &Digest) -> Option<Known> {
        if *digest == self.root.digest {
            return Some(Known { call: Arc::clone(&self.root), row: *digest, since: SystemTime::now() });
        }
        self.known().get(digest).cloned()
    }

    /// Reads a call from its row, with what it is made of and is not in memory.
    fn read(&self, rows: &mut Rows<'_>, registry: &Registry, digest: &Digest) -> Result<Stored, OpError> {
        let mut found: DigestMap<Known> = DigestMap::default();
        // Rows that others refer to come first. With a stack of our own: they may be thousands.
        let mut pending: Vec<(Digest, Option<(Row<'static>, SystemTime)>)> = vec![(*digest, None)];
        let mut waiting: HashSet<Digest> = HashSet::new();
        while let Some((at, waited)) = pending.pop() {
            if found.contains_key(&at) {
                continue;
            }
            let (row, mut since) = match waited {
                Some(row) => row,
                None => {
                    if at != *digest
                        && let Some(known) = self.look_up(&at)
                    {
                        found.insert(at, known);
                        continue;
                    }
                    let Some(stored) = rows.row(&at)? else {
                        return Ok(if at == *digest { Stored::Nothing } else { Stored::Damaged });
                    };
                    let Some(row) = Row::decode(&stored.bytes) else { return Ok(Stored::Damaged) };
                    let mut missing = Vec::new();
                    for outer in row.outer() {
                        if found.contains_key(&outer.call) {
                            continue;
                        }
                        match self.look_up(&outer.call) {
                            Some(known) => drop(found.insert(outer.call, known)),
                            None => missing.push((outer.row, None)),
                        }
                    }
                    if !missing.is_empty() {
                        // A row that leads back to itself is damaged.
                        if !waiting.insert(at) || missing.iter().any(|(row, _)| waiting.contains(row)) {
                            return Ok(Stored::Damaged);
                        }
                        pending.push((at, Some((row, stored.used))));
                        pending.extend(missing);
                        continue;
                    }
                    (row, stored.used)
                }
            };
            let calls = row.rebuild(registry, |outer| {
                let known = found.get(&outer.call).or_else(|| found.get(&outer.row))?;
                since = since.min(known.since);
                within(&known.call, &outer.call)
            });
            let Some(calls) = calls.filter(|calls| calls.last().is_some_and(|last| last.digest == at)) else {
                return Ok(Stored::Damaged);
            };
            self.learn(&calls.iter().collect::<Vec<_>>(), at, since);
            found.extend(calls.into_iter().map(|call| (call.digest, Known { row: at, since, call })));
        }
        Ok(found.remove(digest).map_or(Stored::Damaged, Stored::Call))
    }
}

/// Rows that were stored before this will not do for an ID that is given out now: they would be forgotten too early.
fn fresh(store: Option<&Store>, now: SystemTime) -> SystemTime {
    let oldest = store.and_then(|store| now.checked_sub(store.calls_kept() / 2));
    oldest.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The call with this digest among those that a call is made of.
fn within(call: &Arc<Call>, digest: &Digest) -> Option<Arc<Call>> {
    let (mut pending, mut seen) = (vec![call], DigestMap::default());
    while let Some(call) = pending.pop() {
        if call.digest == *digest {
            return Some(Arc::clone(call));
        }
        if seen.insert(call.digest, ()).is_none() {
            each_part(call, &mut |part| pending.push(part));
        }
    }
    None
}

/// Whether a call can be known that lies in the middle of a long row: one of 16, the same ones for everybody.
fn is_landmark(digest: &Digest) -> bool {
    digest.as_bytes()[Digest::LEN - 1] & 15 == 0
}

/// Bytes of an entry in the map, and what the allocator takes for it.
const ENTRY: usize = 160;

/// Bytes that a call takes in memory, about, without those that it is made of.
fn size(call: &Call) -> usize {
    fn of(value: &ArgValue) -> usize {
        size_of::<(&str, ArgValue)>()
            + match value {
                ArgValue::String(text) | ArgValue::Enum(text) => text.len(),
                ArgValue::List(items) => items.iter().map(of).sum(),
                ArgValue::Object(fields) => fields.iter().map(|(_, value)| of(value)).sum(),
                _ => 0,
            }
    }
    let args: usize = call.args.iter().map(|(_, value)| of(value)).sum();
    size_of::<Call>() + args
}

#[cfg(test)]
mod tests;
