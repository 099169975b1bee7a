//! Runs that failed: what later runs are compared with. They lie among the results, and are none.

use kukri_model::Digest;

use crate::Store;
use crate::error::Result;
use crate::records::{ResultRecord, insert};

/// Most records of runs that failed; the latest stay.
const MOST: u32 = 2_000;

impl Store {
    /// Notes a run that failed, in one transaction, replacing records with these keys. Of each record only what explains is
    /// taken: it has no value and refers to nothing. The keys must not be those of results.
    ///
    /// Only the latest 2,000 records stay; a prune takes them like results that nobody asks for any more.
    pub fn put_failures(&self, records: &[(Digest, ResultRecord)]) -> Result<()> {
        self.inner.index.write("note a run that failed", |transaction| {
            for (key, record) in records {
                insert(transaction, key, &[], &[], record)?;
            }
            // By the index `failures`: what it costs does not depend on how many results there are.
            let mut bound = transaction.prepare_cached(
                "DELETE FROM results WHERE rowid IN
                 (SELECT rowid FROM results WHERE value=x'' ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET ?)",
            )?;
            bound.execute([MOST]).map(drop)
        })
    }
}
