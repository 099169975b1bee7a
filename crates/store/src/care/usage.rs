//! What a store holds.

use std::time::SystemTime;

use kukri_model::Digest;

use crate::Store;
use crate::care::mark::Marks;
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
    /// Bytes of those that no result and nothing running needs.
    pub reclaimable: u64,
}

/// What a store holds.
#[derive(Clone, Default, Debug)]
pub struct Usage {
    /// Small contents, in packs.
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
    /// Bytes of the index, with the nodes.
    pub index_bytes: u64,
    /// All bytes.
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
    /// What the store holds. Reads every node that a result needs.
    pub fn du(&self) -> Result<Usage> {
        let inner = &*self.inner;
        let _one = lock(&inner.care);
        let mut marks = Marks::default();
        for tree in inner.leases.leased_trees() {
            marks.tree(inner, &tree.stored)?;
        }
        let leased: std::collections::HashSet<Digest> =
            inner.leases.leased_trees().iter().map(|tree| tree.stored).collect();
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
        usage.nodes = inner.count("SELECT digest, length(bytes) FROM nodes", |d| marks.nodes.contains(d))?;
        usage.packed = inner.count("SELECT digest, size FROM packed", |d| marks.blobs.contains(d))?;
        usage.objects = inner.count("SELECT digest, size FROM objects", |d| marks.blobs.contains(d))?;
        usage.layers = inner.layer_usage(&marks)?;
        let volumes = inner.volume_entries(self)?;
        usage.volumes.count = volumes.len() as u64;
        usage.volumes.bytes = volumes.iter().map(|volume| volume.bytes).sum();
        usage.volumes.reclaimable = volumes.iter().filter(|v| !v.in_use).map(|volume| volume.bytes).sum();
        usage.entries.extend(volumes);
        usage.index_bytes = inner.index.bytes();
        usage.total_bytes = inner.data_bytes()? + usage.volumes.bytes;
        Ok(usage)
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

    fn count(&self, query: &str, live: impl Fn(&Digest) -> bool) -> Result<KindUsage> {
        let mut usage = KindUsage::default();
        self.index.read("add up sizes", |connection| {
            let mut statement = connection.prepare(query)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let size: i64 = row.get(1)?;
                usage.count += 1;
                usage.bytes += size as u64;
                let digest = row.get_ref(0)?.as_blob().ok().and_then(Digest::from_slice);
                if !digest.is_some_and(|digest| live(&digest)) {
                    usage.reclaimable += size as u64;
                }
            }
            Ok(())
        })?;
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
