//! The journal: a file to which long rows of calls are only appended. From there they get into the index when nobody waits.
//!
//! One `write` is all that it takes until a row survives the death of the process; a transaction of SQLite writes each page
//! with its checksum, which takes many times as long. What a record says of a call is checked by whoever reads it, so only
//! its head has a check of its own.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kukri_model::{Digest, DigestMap};

/// From this length on, in bytes, a row is appended here.
pub(crate) const LONG: usize = 8 << 10;

/// Bytes of a head: length of the row, when it was stored, digest, and the first bytes of the digest of all that.
const HEAD: usize = 4 + 8 + Digest::LEN + CHECK;
const CHECK: usize = 8;

/// A row that is not in the index yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) digest: Digest,
    pub(crate) bytes: Vec<u8>,
    /// When it was stored, in seconds since 1970.
    pub(crate) used: i64,
}

#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    state: Mutex<State>,
    /// Held by whoever moves rows into the index.
    moving: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    end: u64,
    /// In the order in which they were stored.
    places: Vec<Place>,
    by_digest: DigestMap<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    digest: Digest,
    offset: u64,
    size: u32,
    used: i64,
    /// Another row came in its place.
    replaced: bool,
}

impl Journal {
    /// Opens the journal of a store, with what an engine left there that died.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut state = State::default();
        let length = file.metadata()?.len();
        let mut head = [0; HEAD];
        while state.end + HEAD as u64 <= length {
            file.read_exact_at(&mut head, state.end)?;
            let Some(place) = decode(&head, state.end + HEAD as u64).filter(|place| place.end() <= length)
            else {
                break;
            };
            state.add(place);
        }
        Ok(Self { file, state: Mutex::new(state), moving: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a row, unless one of this digest is here.
    pub(crate) fn append(&self, digest: &Digest, bytes: &[u8], used: i64) -> io::Result<()> {
        let mut state = self.state();
        if state.by_digest.contains_key(digest) {
            return Ok(());
        }
        let size = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let place = Place { digest: *digest, offset: state.end + HEAD as u64, size, used, replaced: false };
        let head = encode(&place);
        // Both at once; only a full disk takes less than all of it. Then the next record is written over what is there.
        let slices = [io::IoSlice::new(&head), io::IoSlice::new(bytes)];
        if rustix::io::pwritev(&self.file, &slices, state.end)? != HEAD + bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.add(place);
        Ok(())
    }

    /// The row of a digest, if it is here.
    pub(crate) fn get(&self, digest: &Digest) -> io::Result<Option<Record>> {
        let state = self.state();
        match state.by_digest.get(digest) {
            Some(at) => self.read(&state.places[*at]).map(Some),
            None => Ok(None),
        }
    }

    /// Forgets the row of a digest: the index has another one, which is better.
    pub(crate) fn replaced(&self, digest: &Digest) {
        let mut state = self.state();
        if let Some(at) = state.by_digest.remove(digest) {
            state.places[at].replaced = true;
        }
    }

    /// Lets `store` take all rows, in order, and empties the journal when it has. Rows that come meanwhile wait.
    pub(crate) fn move_into<E>(
        &self,
        store: impl FnOnce(&mut dyn Iterator<Item = io::Result<Record>>) -> Result<(), E>,
    ) -> Result<(), E> {
        let _moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let places = self.state().places.clone();
        if places.is_empty() {
            return Ok(());
        }
        store(&mut places.iter().filter(|place| !place.replaced).map(|place| self.read(place)))?;
        let mut state = self.state();
        if state.places.len() == places.len() && self.file.set_len(0).is_ok() {
            *state = State::default();
        }
        Ok(())
    }

    /// Bytes of it.
    pub(crate) fn bytes(&self) -> u64 {
        self.state().end
    }

    fn read(&self, place: &Place) -> io::Result<Record> {
        let mut bytes = vec![0; place.size as usize];
        self.file.read_exact_at(&mut bytes, place.offset)?;
        Ok(Record { digest: place.digest, bytes, used: place.used })
    }
}

impl State {
    fn add(&mut self, place: Place) {
        self.end = place.end();
        self.by_digest.insert(place.digest, self.places.len());
        self.places.push(place);
    }
}

impl Place {
    fn end(&self) -> u64 {
        self.offset + u64::from(self.size)
    }
}

fn encode(place: &Place) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&place.size.to_le_bytes());
    head[4..12].copy_from_slice(&place.used.to_le_bytes());
    head[12..HEAD - CHECK].copy_from_slice(place.digest.as_bytes());
    let check = Digest::of(&head[..HEAD - CHECK]);
    head[HEAD - CHECK..].copy_from_slice(&check.as_bytes()[..CHECK]);
    head
}

fn decode(head: &[u8; HEAD], offset: u64) -> Option<Place> {
    let (said, check) = head.split_at(HEAD - CHECK);
    if Digest::of(said).as_bytes()[..CHECK] != *check {
        return None;
    }
    Some(Place {
        size: u32::from_le_bytes(said[..4].try_into().ok()?),
        used: i64::from_le_bytes(said[4..12].try_into().ok()?),
        digest: Digest::from_slice(&said[12..])?,
        offset,
        replaced: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(journal: &Journal) -> Vec<Record> {
        let mut all = Vec::new();
        let take = |records: &mut dyn Iterator<Item = io::Result<Record>>| {
            all = records.collect::<io::Result<_>>()?;
            Ok::<_, io::Error>(())
        };
        journal.move_into(take).unwrap();
        all
    }

    fn record(number: u8) -> Record {
        Record { digest: Digest::of(&[number]), bytes: vec![number; 100], used: number.into() }
    }

    fn add(journal: &Journal, record: &Record) {
        journal.append(&record.digest, &record.bytes, record.used).unwrap();
    }

    #[test]
    fn what_was_appended_is_there_after_a_death() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let records = [record(1), record(2), record(3)];
        let journal = Journal::open(&path).unwrap();
        records.iter().for_each(|record| add(&journal, record));
        // A second one of the same is not stored.
        journal.append(&records[0].digest, b"other", 9).unwrap();
        assert_eq!(journal.get(&records[1].digest).unwrap().as_ref(), Some(&records[1]));
        assert_eq!(journal.get(&Digest::of(b"none")).unwrap(), None);
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.get(&records[2].digest).unwrap().as_ref(), Some(&records[2]));
        journal.replaced(&records[1].digest);
        assert_eq!(journal.get(&records[1].digest).unwrap(), None);
        assert_eq!(moved(&journal), [records[0].clone(), records[2].clone()]);
        assert_eq!((moved(&journal).len(), journal.bytes(), path.metadata().unwrap().len()), (0, 0, 0));
        add(&journal, &records[1]);
        assert_eq!(moved(&Journal::open(&path).unwrap()), [records[1].clone()]);
    }

    #[test]
    fn what_was_cut_or_is_damaged_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let journal = Journal::open(&path).unwrap();
        let records = [record(1), record(2)];
        records.iter().for_each(|record| add(&journal, record));
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let found = moved(&Journal::open(&path).unwrap());
            assert_eq!(found, records[..length / (HEAD + 100)], "{length} bytes of {}", whole.len());
        }
        // As after a loss of power: pages that were never written.
        std::fs::write(&path, [&whole[..HEAD + 100], &[0; 4096]].concat()).unwrap();
        let journal = Journal::open(&path).unwrap();
        add(&journal, &records[1]);
        assert_eq!(moved(&Journal::open(&path).unwrap()), records);
    }

    #[test]
    fn a_failed_move_keeps_everything() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(&dir.path().join("j")).unwrap();
        add(&journal, &record(1));
        let failed = journal.move_into(|_| Err(io::Error::other("no")));
        assert!(failed.is_err());
        // What comes while rows are moved waits for the next time, and with it those that were moved.
        let during = |records: &mut dyn Iterator<Item = io::Result<Record>>| {
            assert_eq!(records.count(), 1);
            add(&journal, &record(2));
            Ok::<_, io::Error>(())
        };
        journal.move_into(during).unwrap();
        assert_eq!(moved(&journal), [record(1), record(2)]);
    }
}
