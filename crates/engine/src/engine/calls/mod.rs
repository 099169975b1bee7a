//! Calls whose IDs were given out, so that they can be found again: in the store, those used last in memory as well.

mod compact;
mod kept;
mod rows;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use kukri_model::{Digest, DigestMap, Generations};
use kukri_store::Store;

use self::kept::{Gathered, Outer, Row};
use self::rows::Rows;
use crate::args::ArgValue;
use crate::call::Call;
use crate::error::{OpError, OrFail};
use crate::registry::Registry;

/// Bytes of calls kept in memory; those beyond are read from the store again.
const MAX_BYTES: usize = 64 << 20;

/// The calls that were given out.
pub struct Calls {
    root: Arc<Call>,
    known: Mutex<Generations<Known>>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { root: Call::root(), known: Mutex::new(Generations::new(MAX_BYTES)) }
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
                if let Some(store) = store {
                    store.put_calls(vec![(call.digest, row.encode())]).or_fail()?;
                }
                self.learn(row, call.digest, since.unwrap_or(now));
                return Ok(());
            }
        };
        if let Some(store) = store {
            // Somebody else may have been faster: his row will do.
            store.add_call(&call.digest, &row.encode()).or_fail()?;
        }
        self.learn(row, call.digest, since.map_or(now, |since| since.min(now)));
        Ok(())
    }

    /// Only what the store has: who finds a call here relies on that.
    fn learn(&self, row: Gathered, digest: Digest, since: SystemTime) {
        let mut known = self.known();
        known.reserve(row.calls.len());
        for call in row.calls {
            let bytes = size(&call);
            known.insert(call.digest, Known { call, row: digest, since }, bytes);
        }
    }

    /// What the row of a call has to have, and the age of what it refers to: calls whose rows are not older than `fresh`.
    fn gather(&self, call: &Arc<Call>, fresh: Option<SystemTime>) -> (Gathered, Option<SystemTime>) {
        enum Visit {
            Enter(Arc<Call>),
            Leave(Arc<Call>),
        }
        let mut known = self.known();
        let (mut row, mut oldest) = (Gathered::default(), None::<SystemTime>);
        // With a stack of our own: chains get thousands of calls long.
        let mut pending = vec![Visit::Enter(Arc::clone(call))];
        while let Some(visit) = pending.pop() {
            let here = match visit {
                Visit::Leave(done) => {
                    row.call(done);
                    continue;
                }
                Visit::Enter(here) if row.has(&here.digest) => continue,
                Visit::Enter(here) => here,
            };
            if here.receiver.is_none() {
                row.outer(Outer { call: here.digest, row: here.digest });
                continue;
            }
            if here.digest != call.digest
                && let Some(fresh) = fresh
                && let Some(known) = known.get(&here.digest).filter(|known| known.since >= fresh)
            {
                oldest = Some(oldest.map_or(known.since, |oldest| oldest.min(known.since)));
                row.outer(Outer { call: here.digest, row: known.row });
                continue;
            }
            let place = pending.len();
            each_part(&here, &mut |part| pending.push(Visit::Enter(Arc::clone(part))));
            pending.insert(place, Visit::Leave(here));
        }
        (row, oldest)
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
            let mut known = self.known();
            for call in calls {
                let bytes = size(&call);
                let new = Known { row: at, since, call };
                known.insert(new.call.digest, new.clone(), bytes);
                found.insert(new.call.digest, new);
            }
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
    let (mut pending, mut seen) = (vec![Arc::clone(call)], HashSet::new());
    while let Some(call) = pending.pop() {
        if call.digest == *digest {
            return Some(call);
        }
        if seen.insert(call.digest) {
            each_part(&call, &mut |part| pending.push(Arc::clone(part)));
        }
    }
    None
}

/// The calls that a call is made of directly.
fn each_part(call: &Call, visit: &mut impl FnMut(&Arc<Call>)) {
    fn each(value: &ArgValue, visit: &mut impl FnMut(&Arc<Call>)) {
        match value {
            ArgValue::Ref(call) | ArgValue::Resolved(_, call) => visit(call),
            ArgValue::List(items) => items.iter().for_each(|item| each(item, visit)),
            ArgValue::Object(fields) => fields.iter().for_each(|(_, value)| each(value, visit)),
            _ => {}
        }
    }
    call.receiver.iter().for_each(&mut *visit);
    call.args.iter().for_each(|(_, value)| each(value, visit));
}

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
    /// The entry in the map, and what the allocator takes for it.
    const ENTRY: usize = 128;
    let args: usize = call.args.iter().map(|(_, value)| of(value)).sum();
    ENTRY + size_of::<Call>() + args
}

#[cfg(test)]
mod tests;
