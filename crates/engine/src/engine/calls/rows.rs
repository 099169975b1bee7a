//! Rows of calls, read with a look ahead: what a call is made of was mostly stored just before it.

use std::collections::HashMap;

use kukri_model::Digest;
use kukri_store::{Store, StoredCall};

use crate::error::{OpError, OrFail};

/// Most rows that are read at a time.
const MOST: usize = 256;

/// Most rows that wait to be asked for.
const MOST_WAITING: usize = 4 * MOST;

/// The rows of a store, as one search wants them.
pub(super) struct Rows<'s> {
    store: &'s Store,
    /// What was read ahead.
    pub(super) waiting: HashMap<Digest, StoredCall>,
    /// Rows of the last read, and how many of them were wanted.
    window: usize,
    wanted: usize,
    /// Reads so far.
    pub(super) reads: usize,
}

impl<'s> Rows<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Self { store, waiting: HashMap::new(), window: 1, wanted: 1, reads: 0 }
    }

    /// The row of a call, if it has one.
    pub(super) fn row(&mut self, digest: &Digest) -> Result<Option<StoredCall>, OpError> {
        if let Some(row) = self.waiting.remove(digest) {
            self.wanted += 1;
            return Ok(Some(row));
        }
        // As long as at least half of what was read is wanted, it pays to read more.
        let pays = self.reads > 0 && self.wanted * 2 >= self.window;
        self.window = if pays { (self.window * 2).min(MOST) } else { (self.window / 2).max(1) };
        if self.waiting.len() > MOST_WAITING {
            self.waiting.clear();
        }
        let mut rows = self.store.get_calls(digest, self.window - 1).or_fail()?.into_iter();
        self.reads += 1;
        self.wanted = 1;
        let found = rows.next();
        self.waiting.extend(rows.map(|row| (row.digest, row)));
        Ok(found)
    }
}
