//! Usage, pruning, verification.
use std::time::{Duration, SystemTime};

use kukri_model::Digest;

use crate::{Result, Store};

impl Store {
    /// What the store holds.
    pub fn du(&self) -> Result<Usage> {
        todo!()
    }
    /// Drops what the options name.
    pub fn prune(&self, _options: &PruneOptions) -> Result<PruneReport> {
        todo!()
    }
    /// Prunes to the budget of the configuration.
    pub fn gc(&self) -> Result<PruneReport> {
        todo!()
    }
    /// Checks the store.
    pub fn verify(&self, _options: VerifyOptions) -> Result<VerifyReport> {
        todo!()
    }
}

/// What kind of thing an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum EntryKind {
    /// The result of an operation with all it refers to.
    Result,
    /// A cache volume.
    Volume,
}

/// One thing that can be dropped.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Hexadecimal key of the result, or key of the volume.
    pub id: String,
    /// What to show for it.
    pub label: String,
    /// Bytes that no more recently used entry needs.
    pub bytes: u64,
    /// When it was made.
    pub created: SystemTime,
    /// When it was last used.
    pub last_used: SystemTime,
    /// Whether something running uses it.
    pub in_use: bool,
}

/// How much there is of one kind of record.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct KindUsage {
    /// Number of records.
    pub count: u64,
    /// Their bytes on disk.
    pub bytes: u64,
    /// Bytes that nothing refers to.
    pub reclaimable: u64,
}

/// What a store holds.
#[derive(Clone, Default, Debug)]
pub struct Usage {
    /// Small contents, in packs.
    pub packed: KindUsage,
    /// Large contents, as files.
    pub objects: KindUsage,
    /// Nodes of trees.
    pub nodes: KindUsage,
    /// Overlay layers, without what they share with objects.
    pub layers: KindUsage,
    /// Results of operations.
    pub results: KindUsage,
    /// Cache volumes.
    pub volumes: KindUsage,
    /// Bytes of the index.
    pub index_bytes: u64,
    /// All bytes.
    pub total_bytes: u64,
    /// Everything that can be dropped, most recently used first.
    pub entries: Vec<Entry>,
}

/// What to prune.
#[derive(Clone, Default, Debug)]
pub struct PruneOptions {
    /// Drop every result that nothing running uses, whatever the budget.
    pub all: bool,
    /// Drop least recently used results until the store has at most this many bytes.
    pub max_bytes: Option<u64>,
    /// Drop least recently used results until the disk has at least this many bytes free.
    pub min_free_bytes: Option<u64>,
    /// Drop results unused for longer.
    pub keep_duration: Option<Duration>,
    /// Only consider entries whose label contains this text.
    pub filter: Option<String>,
    /// Cache volumes as well.
    pub volumes: bool,
    /// Only tell what would be done.
    pub dry_run: bool,
}

/// One thing that was dropped, and why.
#[derive(Clone, Debug)]
pub struct Dropped {
    /// What it was.
    pub entry: Entry,
    /// Why, in words for a person.
    pub reason: String,
}

/// What a prune did.
#[derive(Clone, Default, Debug)]
pub struct PruneReport {
    /// Dropped results and volumes.
    pub dropped: Vec<Dropped>,
    /// Bytes that were freed, or will be once the background deletion is done.
    pub freed_bytes: u64,
    /// Bytes the store holds afterwards.
    pub kept_bytes: u64,
    /// Records swept by kind: nodes, packed contents, objects, layers.
    pub swept: [(&'static str, u64); 4],
}

/// How to verify.
#[derive(Clone, Copy, Default, Debug)]
pub struct VerifyOptions {
    /// Read and hash every content, instead of only looking whether files are there with the right length.
    pub deep: bool,
    /// Drop damaged records, so that they become misses.
    pub repair: bool,
}

/// One damaged record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// `"node"`, `"packed"`, `"object"`, `"layer"`, `"result"`.
    pub kind: &'static str,
    /// Digest or id.
    pub id: String,
    /// What is wrong.
    pub reason: String,
    /// Whether it was dropped.
    pub repaired: bool,
}

/// What a verification found.
#[derive(Clone, Default, Debug)]
pub struct VerifyReport {
    /// Records looked at.
    pub checked: u64,
    /// Damaged records.
    pub problems: Vec<Problem>,
    /// Files that no record names, left by a crash; the next prune removes them. Not damage.
    pub leftovers: u64,
}

#[expect(dead_code, reason = "filled in next")]
type Unused = Digest;
