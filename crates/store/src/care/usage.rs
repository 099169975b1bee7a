//! What a store holds.

use std::collections::HashSet;
use std::time::SystemTime;

use kukri_model::Digest;

use crate::Store;
use crate::care::mark::Marks;
use crate::care::needed::Needed;
use crate::care::sweep::Gaps;
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::memory::recent::Spare;
use crate::records::{Root, decode_roots, time};
use crate::store::Inner;
use crate::volumes::{bytes_under, touch};

/// What kind of thing an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum EntryKind {
    /// The result of an operation with all it refers to.
    Result,
    /// A cache volume.
    Volume,
    /// The rest: the index, what was written and belongs to no result, and gaps.
    Internal,
}

/// One thing that takes room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Hexadecimal key of a result, key of a volume, `internal`.
    pub id: String,
    /// What to show for it.
    pub label: String,
    /// Bytes that nothing used more recently needs.
    pub bytes: u64,
    /// When it was made.
    pub created: SystemTime,
    /// When it was last used.
    pub last_used: SystemTime,
    /// Whether a prune leaves it alone: something running uses it (for a result: one of its trees), or it was touched
    /// lately, see [`crate::PruneOptions::spare`]. Always for the rest.
    pub in_use: bool,
}

/// How much there is of one kind of record.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct KindUsage {
    /// Number of records.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of those that a prune of everything frees: what nothing running needs, whether results need it or not.
    pub reclaimable: u64,
}

/// What a store holds.
#[derive(Clone, Default, Debug)]
pub struct Usage {
    /// Small contents, in packs; with the gaps that dropped ones leave there.
    pub packed: KindUsage,
    /// Large contents, each a file.
    pub objects: KindUsage,
    /// Nodes of trees.
    pub nodes: KindUsage,
    /// Overlay layers, without what they share with objects.
    pub layers: KindUsage,
    /// Results of operations.
    pub results: KindUsage,
    /// Cache volumes.
    pub volumes: KindUsage,
    /// The rest of the index: keys, places of contents, calls, free pages, and its log. It shrinks by itself.
    pub index: KindUsage,
    /// All bytes: the sum of all kinds.
    pub total_bytes: u64,
    /// Everything, each byte once: results, then volumes, each most recently used first, then the rest, which cannot be
    /// dropped by itself.
    pub entries: Vec<Entry>,
}

/// A result as the collector sees it.
pub(crate) struct Stored {
    pub(crate) key: Digest,
    pub(crate) label: String,
    pub(crate) roots: Vec<Root>,
    pub(crate) value_bytes: u64,
    pub(crate) created: i64,
    pub(crate) used: i64,
}

impl Store {
    /// What the store holds. Reads every node that a result needs. `spare` is what a prune would be told, see
    /// [`crate::PruneOptions::spare`].
    pub fn du(&self, spare: Spare) -> Result<Usage> {
        let inner = &*self.inner;
        let _one = lock(&inner.care);
        let results = inner.results()?;
        // What a prune of everything leaves.
        let spared = inner.recent.all(spare);
        let needed = Needed::find(inner, &spared, &results)?;
        let mut marks = Marks::default();
        let mut usage = Usage::default();
        for stored in &results {
            let mut bytes = stored.value_bytes;
            for root in &stored.roots {
                bytes += marks.root(inner, root)?;
            }
            usage.results.count += 1;
            usage.results.bytes += stored.value_bytes;
            if !needed.has(stored) {
                usage.results.reclaimable += stored.value_bytes;
            }
            let mut entry = stored.entry(bytes);
            entry.in_use = needed.has(stored);
            usage.entries.push(entry);
        }
        drop((results, marks));
        let needed = needed.marks;
        usage.nodes = inner.count("SELECT digest, digest, length(bytes) FROM nodes", |(digest, ..)| {
            needed.nodes.contains(digest)
        })?;
        usage.packed = inner.pack_usage(&needed)?;
        let dead: HashSet<Digest> = inner.dead_objects(&needed)?.0.into_iter().map(|(key, ..)| key).collect();
        usage.objects =
            inner.count("SELECT key, digest, size FROM objects", |(key, ..)| !dead.contains(key))?;
        usage.layers = inner.layer_usage(&needed)?;
        let volumes = inner.volume_entries(self, &spared)?;
        usage.volumes.count = volumes.len() as u64;
        usage.volumes.bytes = volumes.iter().map(|volume| volume.bytes).sum();
        usage.volumes.reclaimable = volumes.iter().filter(|v| !v.in_use).map(|volume| volume.bytes).sum();
        usage.entries.extend(volumes);
        usage.index.count = 1;
        usage.index.bytes = (inner.index.bytes() + inner.journal.bytes())
            .saturating_sub(usage.nodes.bytes + usage.results.bytes);
        usage.total_bytes = usage.kinds().iter().map(|kind| kind.bytes).sum();
        let told: u64 = usage.entries.iter().map(|entry| entry.bytes).sum();
        usage.entries.push(inner.rest(usage.total_bytes.saturating_sub(told)));
        Ok(usage)
    }
}

impl Usage {
    const fn kinds(&self) -> [KindUsage; 7] {
        [self.packed, self.objects, self.nodes, self.layers, self.results, self.volumes, self.index]
    }
}

impl Stored {
    pub(crate) fn entry(&self, bytes: u64) -> Entry {
        Entry {
            kind: EntryKind::Result,
            id: self.key.hex(),
            label: self.label.clone(),
            bytes,
            created: time(self.created),
            last_used: time(self.used),
            in_use: false,
        }
    }
}

impl Inner {
    /// All results, most recently used first.
    pub(crate) fn results(&self) -> Result<Vec<Stored>> {
        match self.flush_used() {
            // What is there can be told, and dropped, all the same: the order is that of a moment ago.
            Err(error) if error.is_full() => tracing::warn!(%error, "uses of results are not noted"),
            other => other?,
        }
        self.index.read("list results", |connection| {
            let mut query = connection.prepare(
                "SELECT key, label, roots, length(value), created, used FROM results ORDER BY used DESC, rowid DESC",
            )?;
            let stored = |row: &rusqlite::Row<'_>| {
                let (key, roots): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(2)?);
                let bytes: i64 = row.get(3)?;
                Ok(Stored {
                    key: Digest::from_slice(&key).unwrap_or_else(|| Digest::from_bytes([0; 32])),
                    label: row.get(1)?,
                    roots: decode_roots(&roots),
                    value_bytes: bytes as u64,
                    created: row.get(4)?,
                    used: row.get(5)?,
                })
            };
            query.query_map([], stored)?.collect()
        })
    }

    /// Bytes that the store takes without volumes and trash.
    pub(crate) fn data_bytes(&self) -> Result<u64> {
        let packs = self.packs.list().map_err(StoreError::io("list", self.layout.packs()))?;
        let rows: i64 = self.index.read("add up sizes", |connection| {
            connection.query_row(
                "SELECT (SELECT coalesce(sum(size),0) FROM objects) + (SELECT coalesce(sum(bytes),0) FROM layers)",
                [],
                |row| row.get(0),
            )
        })?;
        Ok(packs.iter().map(|(_, len)| len).sum::<u64>()
            + rows as u64
            + self.index.bytes()
            + self.journal.bytes())
    }

    /// Adds up records of two digests and a size.
    fn count(&self, query: &str, live: impl Fn(&(Digest, Digest, u64)) -> bool) -> Result<KindUsage> {
        let mut usage = KindUsage::default();
        for record in self.records(query)? {
            usage.count += 1;
            usage.bytes += record.2;
            if !live(&record) {
                usage.reclaimable += record.2;
            }
        }
        Ok(usage)
    }

    fn pack_usage(&self, needed: &Marks) -> Result<KindUsage> {
        let mut usage = self.count("SELECT digest, digest, size FROM packed", |_| true)?;
        usage.bytes = 0;
        for (id, len) in self.packs.list().map_err(StoreError::io("list", self.layout.packs()))? {
            usage.bytes += len;
            usage.reclaimable += self.gain_of_emptying(id, len, needed, Gaps::Large)?;
        }
        Ok(usage)
    }

    fn layer_usage(&self, marks: &Marks) -> Result<KindUsage> {
        let live = self.live_layers(marks)?;
        let mut usage = KindUsage::default();
        for (id, bytes) in self.layers()? {
            usage.count += 1;
            usage.bytes += bytes;
            if !live.contains(&id) {
                usage.reclaimable += bytes;
            }
        }
        Ok(usage)
    }

    /// What is neither a result nor a volume.
    fn rest(&self, bytes: u64) -> Entry {
        let made = std::fs::metadata(self.layout.root().join("format.json")).and_then(|meta| meta.modified());
        let now = SystemTime::now();
        Entry {
            kind: EntryKind::Internal,
            id: "internal".to_owned(),
            label: "index, and what belongs to no result".to_owned(),
            bytes,
            created: made.unwrap_or(now),
            last_used: now,
            in_use: true,
        }
    }

    /// All volumes with their sizes, most recently used first. `spared`: what was touched lately.
    pub(crate) fn volume_entries(&self, store: &Store, spared: &[Digest]) -> Result<Vec<Entry>> {
        let spared: HashSet<&Digest> = spared.iter().collect();
        let entry = |volume: crate::VolumeInfo| Entry {
            kind: EntryKind::Volume,
            bytes: bytes_under(&volume.path).unwrap_or_default(),
            in_use: volume.in_use || spared.contains(&touch(&volume.key)),
            id: volume.key,
            label: volume.label,
            created: volume.created,
            last_used: volume.last_used,
        };
        Ok(store.list_volumes()?.into_iter().map(entry).collect())
    }
}
