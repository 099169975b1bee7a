//! What a store holds.

use std::collections::HashSet;
use std::time::SystemTime;

use kukri_model::Digest;

use crate::Store;
use crate::care::mark::Marks;
use crate::care::sweep;
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::records::{Root, decode_roots, time};
use crate::store::Inner;
use crate::volumes::bytes_under;

/// What kind of thing an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum EntryKind {
    /// The result of an operation with all it refers to.
    Result,
    /// A cache volume.
    Volume,
}

/// One thing that can be dropped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Hexadecimal key of a result, key of a volume.
    pub id: String,
    /// What to show for it.
    pub label: String,
    /// Bytes that nothing used more recently needs.
    pub bytes: u64,
    /// When it was made.
    pub created: SystemTime,
    /// When it was last used.
    pub last_used: SystemTime,
    /// Whether something running uses it (for a result: one of its trees).
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
    /// Everything that can be dropped: results, then volumes, each most recently used first.
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
    /// What the store holds. Reads every node that a result needs. `ignore_recent` is what a prune would be told, see
    /// [`crate::PruneOptions::ignore_recent`].
    pub fn du(&self, ignore_recent: bool) -> Result<Usage> {
        let inner = &*self.inner;
        let _one = lock(&inner.care);
        let leased = inner.leases.leased_trees();
        let mut marks = Marks::default();
        for tree in &leased {
            marks.tree(inner, &tree.stored)?;
        }
        // What a prune of everything leaves.
        let mut needed = marks.clone();
        if !ignore_recent {
            for digest in &inner.recent.all() {
                needed.any(inner, digest)?;
            }
        }
        let leased: HashSet<Digest> = leased.iter().map(|tree| tree.stored).collect();
        let mut usage = Usage::default();
        for stored in inner.results()? {
            let mut bytes = stored.value_bytes;
            for root in &stored.roots {
                bytes += marks.root(inner, root)?;
            }
            usage.results.count += 1;
            usage.results.bytes += stored.value_bytes;
            let mut entry = stored.entry(bytes);
            entry.in_use = stored
                .roots
                .iter()
                .any(|root| matches!(root, Root::Tree(tree) if leased.contains(&tree.stored)));
            usage.entries.push(entry);
        }
        usage.results.reclaimable = usage.results.bytes;
        usage.nodes = inner.count("SELECT digest, digest, length(bytes) FROM nodes", |(digest, ..)| {
            needed.nodes.contains(digest)
        })?;
        usage.packed = inner.pack_usage(&needed)?;
        usage.objects = inner
            .count("SELECT key, digest, size FROM objects", |object| sweep::object_lives(&needed, object))?;
        usage.layers = inner.layer_usage(&needed)?;
        let volumes = inner.volume_entries(self)?;
        usage.volumes.count = volumes.len() as u64;
        usage.volumes.bytes = volumes.iter().map(|volume| volume.bytes).sum();
        usage.volumes.reclaimable = volumes.iter().filter(|v| !v.in_use).map(|volume| volume.bytes).sum();
        usage.entries.extend(volumes);
        usage.index.count = 1;
        usage.index.bytes = inner.index.bytes().saturating_sub(usage.nodes.bytes + usage.results.bytes);
        usage.total_bytes = usage.kinds().iter().map(|kind| kind.bytes).sum();
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
        self.flush_used()?;
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
        Ok(packs.iter().map(|(_, len)| len).sum::<u64>() + rows as u64 + self.index.bytes())
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
            usage.reclaimable += self.gain_of_emptying(id, len, needed)?;
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

    /// All volumes with their sizes, most recently used first.
    pub(crate) fn volume_entries(&self, store: &Store) -> Result<Vec<Entry>> {
        let entry = |volume: crate::VolumeInfo| Entry {
            kind: EntryKind::Volume,
            bytes: bytes_under(&volume.path).unwrap_or_default(),
            id: volume.key,
            label: volume.label,
            created: volume.created,
            last_used: volume.last_used,
            in_use: volume.in_use,
        };
        Ok(store.list_volumes()?.into_iter().map(entry).collect())
    }
}
