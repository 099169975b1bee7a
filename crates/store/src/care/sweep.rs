//! Deletes what was not marked.
//!
//! In small steps: each holds the gate, so nothing is half written meanwhile, first marks what was touched since the last
//! step, and deletes rows before files, so that a crash leaves files without rows and never the other way round.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLockWriteGuard};

use kukri_model::Digest;
use kukri_tree::{EntryKind, Node};
use rusqlite::params;

use crate::care::mark::Marks;
use crate::care::prune::PruneReport;
use crate::disk::fsutil;
use crate::disk::packs::Place;
use crate::error::{Result, StoreError};
use crate::materialise::decode_layers;
use crate::memory::lock;
use crate::sink::Rows;
use crate::store::Inner;

/// Records deleted in one step.
const STEP: usize = 1000;
/// From this length on, the pack that is being written to is emptied like others.
const TURN: u64 = 1 << 20;

/// Which packs are emptied, by what in them nothing needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gaps {
    /// Those where it is half or more.
    Large,
    /// Those where it is an eighth or more: results would have to go in its place.
    Small,
}

impl Inner {
    pub(crate) fn sweep(&self, marks: &mut Marks, gaps: Gaps, report: &mut PruneReport) -> Result<()> {
        self.sweep_layers(marks, report)?;
        self.sweep_nodes(marks, report)?;
        self.sweep_packed(marks, report)?;
        self.sweep_objects(marks, report)?;
        self.sweep_leftovers(marks)?;
        self.compact(marks, gaps, report)?;
        self.shrink_index(gaps == Gaps::Small)
    }

    /// What [`Inner::sweep`] would report if nobody touched anything meanwhile.
    pub(crate) fn would_sweep(&self, marks: &Marks, gaps: Gaps, report: &mut PruneReport) -> Result<()> {
        let live = self.live_layers(marks)?;
        for (_, bytes) in self.layers()?.iter().filter(|(id, _)| !live.contains(id)) {
            report.layers += 1;
            report.freed_bytes += bytes;
        }
        for (_, bytes) in self.dead_nodes(marks)? {
            report.nodes += 1;
            report.freed_bytes += bytes;
        }
        for (_, _, bytes) in self.dead_objects(marks)?.0 {
            report.objects += 1;
            report.freed_bytes += bytes;
        }
        report.packed += self.dead_packed(marks)?.len() as u64;
        for (id, len) in self.packs.list().map_err(StoreError::io("list", self.layout.packs()))? {
            report.freed_bytes += self.gain_of_emptying(id, len, marks, gaps)?;
        }
        Ok(())
    }

    /// Bytes that are freed when a pack is emptied, 0 where it stays as it is.
    pub(crate) fn gain_of_emptying(&self, id: u32, len: u64, marks: &Marks, gaps: Gaps) -> Result<u64> {
        let live = self.live_in_pack(id, |digest| marks.blobs.contains(digest))?;
        Ok(if self.is_worth_emptying(id, len, live, gaps) { len.saturating_sub(live) } else { 0 })
    }

    /// Stops the others, and marks what they asked for up to now.
    fn step(&self, marks: &mut Marks) -> Result<RwLockWriteGuard<'_, ()>> {
        let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        for digest in self.recent.drain() {
            marks.any(self, &digest)?;
        }
        Ok(gate)
    }

    /// Two digests (which may be the same) and a size of each record.
    pub(crate) fn records(&self, query: &str) -> Result<Vec<(Digest, Digest, u64)>> {
        self.index.read("list records", |connection| {
            let mut statement = connection.prepare(query)?;
            let digest =
                |bytes: Vec<u8>| Digest::from_slice(&bytes).unwrap_or_else(|| Digest::from_bytes([0; 32]));
            let record = |row: &rusqlite::Row<'_>| {
                let size: i64 = row.get(2)?;
                Ok((digest(row.get(0)?), digest(row.get(1)?), size as u64))
            };
            statement.query_map([], record)?.collect()
        })
    }

    fn dead_nodes(&self, marks: &Marks) -> Result<Vec<(Digest, u64)>> {
        let nodes = self.records("SELECT digest, digest, length(bytes) FROM nodes")?;
        Ok(nodes.into_iter().filter(|(d, ..)| !marks.nodes.contains(d)).map(|(d, _, len)| (d, len)).collect())
    }

    /// The same, each with the nodes that it refers to.
    fn dead_directories(&self, marks: &Marks) -> Result<Vec<Directory>> {
        self.index.read("list nodes", |connection| {
            let mut query = connection.prepare("SELECT digest, bytes FROM nodes")?;
            let (mut rows, mut dead) = (query.query([])?, Vec::new());
            while let Some(row) = rows.next()? {
                let digest = row.get_ref(0)?.as_blob().ok().and_then(Digest::from_slice);
                let Some(digest) = digest.filter(|digest| !marks.nodes.contains(digest)) else { continue };
                let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
                // What is damaged refers to nothing.
                let below =
                    Node::decode(&digest, bytes).map(|node| directories_of(&node)).unwrap_or_default();
                dead.push(Directory { digest, len: bytes.len() as u64, below });
            }
            Ok(dead)
        })
    }

    fn dead_packed(&self, marks: &Marks) -> Result<Vec<Digest>> {
        let packed = self.records("SELECT digest, digest, size FROM packed")?;
        Ok(packed.into_iter().map(|(d, ..)| d).filter(|d| !marks.blobs.contains(d)).collect())
    }

    /// Key, content and size of those that go, and the contents of those that stay.
    pub(crate) fn dead_objects(&self, marks: &Marks) -> Result<(Vec<Object>, HashSet<Digest>)> {
        let mut objects = self.records("SELECT key, digest, size FROM objects")?;
        let asked_for = objects.iter().filter(|(key, ..)| marks.blobs.contains(key));
        let mut kept = asked_for.map(|(_, digest, _)| *digest).collect();
        objects.retain(|object| !object_lives(marks, object, &mut kept));
        Ok((objects, kept))
    }

    /// Bytes of the contents in a pack that are needed.
    fn live_in_pack(&self, id: u32, live: impl Fn(&Digest) -> bool) -> Result<u64> {
        self.index.read("add up a pack", |connection| {
            let mut query = connection.prepare_cached("SELECT digest, size FROM packed WHERE pack=?")?;
            let mut rows = query.query([id])?;
            let mut sum = 0;
            while let Some(row) = rows.next()? {
                let size: i64 = row.get(1)?;
                let digest = row.get_ref(0)?.as_blob().ok().and_then(Digest::from_slice);
                if digest.is_some_and(|digest| live(&digest)) {
                    sum += size as u64;
                }
            }
            Ok(sum)
        })
    }

    /// Whether so little of a pack is needed. The one that is written to must be worth to begin another for.
    fn is_worth_emptying(&self, id: u32, len: u64, live: u64, gaps: Gaps) -> bool {
        let most = match gaps {
            Gaps::Large => len / 2,
            Gaps::Small => len - len / 8,
        };
        live <= most && !self.packs.is_held(id) && (id != self.packs.current() || len >= TURN)
    }

    /// The caller holds the gate for writing: who was told before that something is there has to look again.
    fn delete(&self, query: &str, keys: &[Digest]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        self.deletions.fetch_add(1, Ordering::Relaxed);
        self.index.write("delete records", |transaction| {
            let mut delete = transaction.prepare_cached(query)?;
            keys.iter().try_for_each(|key| delete.execute([key.as_bytes()]).map(drop))
        })
    }

    fn sweep_nodes(&self, marks: &mut Marks, report: &mut PruneReport) -> Result<()> {
        for part in top_down(self.dead_directories(marks)?).chunks(STEP) {
            let _gate = self.step(marks)?;
            let mut gone = Vec::with_capacity(part.len());
            for (digest, bytes) in part.iter().filter(|(digest, _)| !marks.nodes.contains(digest)) {
                gone.push(*digest);
                report.freed_bytes += bytes;
            }
            self.delete("DELETE FROM nodes WHERE digest=?", &gone)?;
            gone.iter().for_each(|digest| self.nodes.remove(digest));
            report.nodes += gone.len() as u64;
        }
        Ok(())
    }

    fn sweep_packed(&self, marks: &mut Marks, report: &mut PruneReport) -> Result<()> {
        for part in self.dead_packed(marks)?.chunks(STEP) {
            let _gate = self.step(marks)?;
            let gone: Vec<Digest> = part.iter().copied().filter(|d| !marks.blobs.contains(d)).collect();
            self.delete("DELETE FROM packed WHERE digest=?", &gone)?;
            report.packed += gone.len() as u64;
        }
        Ok(())
    }

    fn sweep_objects(&self, marks: &mut Marks, report: &mut PruneReport) -> Result<()> {
        let (dead, mut kept) = self.dead_objects(marks)?;
        for part in dead.chunks(STEP) {
            let _gate = self.step(marks)?;
            let mut gone = Vec::with_capacity(part.len());
            for object in part {
                if !object_lives(marks, object, &mut kept) {
                    gone.push(object.0);
                    report.freed_bytes += object.2;
                }
            }
            self.delete("DELETE FROM objects WHERE key=?", &gone)?;
            gone.iter().try_for_each(|key| self.layout.discard(&self.layout.object(key)))?;
            report.objects += gone.len() as u64;
        }
        Ok(())
    }

    /// Every tree that has a stack, with its layers.
    pub(crate) fn all_stacks(&self) -> Result<Vec<(Digest, Vec<u64>)>> {
        self.index.read("list layers", |connection| {
            let mut query = connection.prepare("SELECT tree, layers FROM stacks")?;
            let stack = |row: &rusqlite::Row<'_>| {
                let (tree, layers): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
                let tree = Digest::from_slice(&tree).unwrap_or_else(|| Digest::from_bytes([0; 32]));
                Ok((tree, decode_layers(&layers)))
            };
            query.query_map([], stack)?.collect()
        })
    }

    /// All layers with the bytes that are theirs alone.
    pub(crate) fn layers(&self) -> Result<Vec<(u64, u64)>> {
        self.index.read("list layers", |connection| {
            let mut query = connection.prepare("SELECT id, bytes FROM layers")?;
            let layer = |row: &rusqlite::Row<'_>| {
                let (id, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok((id as u64, bytes as u64))
            };
            query.query_map([], layer)?.collect()
        })
    }

    /// The layers of one tree with the bytes that are theirs alone.
    pub(crate) fn layers_of(&self, tree: &Digest) -> Result<Vec<(u64, u64)>> {
        self.index.read("look up layers", |connection| {
            let mut stack = connection.prepare_cached("SELECT layers FROM stacks WHERE tree=?")?;
            let mut layer = connection.prepare_cached("SELECT bytes FROM layers WHERE id=?")?;
            let mut found = Vec::new();
            let mut rows = stack.query([tree.as_bytes()])?;
            while let Some(row) = rows.next()? {
                for id in decode_layers(row.get_ref(0)?.as_blob()?) {
                    let bytes: i64 = layer.query_row([id as i64], |row| row.get(0)).unwrap_or_default();
                    found.push((id, bytes as u64));
                }
            }
            Ok(found)
        })
    }

    /// Layers of trees that are needed, and of mounts.
    pub(crate) fn live_layers(&self, marks: &Marks) -> Result<HashSet<u64>> {
        let mut live: HashSet<u64> = self.leases.leased_layers().into_iter().collect();
        live.extend(
            self.all_stacks()?.into_iter().filter(|(t, _)| marks.nodes.contains(t)).flat_map(|(_, l)| l),
        );
        Ok(live)
    }

    fn sweep_layers(&self, marks: &mut Marks, report: &mut PruneReport) -> Result<()> {
        let _gate = self.step(marks)?;
        let dead: Vec<Digest> = self
            .all_stacks()?
            .into_iter()
            .map(|(tree, _)| tree)
            .filter(|t| !marks.nodes.contains(t))
            .collect();
        self.delete("DELETE FROM stacks WHERE tree=?", &dead)?;
        lock(&self.stacks).clear();
        let live = self.live_layers(marks)?;
        let mut gone = self.layers()?;
        gone.retain(|(id, _)| !live.contains(id));
        self.index.write("delete layers", |transaction| {
            let mut delete = transaction.prepare_cached("DELETE FROM layers WHERE id=?")?;
            gone.iter().try_for_each(|(id, _)| delete.execute([*id as i64]).map(drop))
        })?;
        report.layers += gone.len() as u64;
        report.freed_bytes += gone.iter().map(|(_, bytes)| bytes).sum::<u64>();
        // Directories: those, and what a crash left.
        let rows: HashSet<u64> = self.layers()?.into_iter().map(|(id, _)| id).collect();
        for id in self.layer_dirs()? {
            if !rows.contains(&id) && !self.leases.has_layer(id) {
                self.layout.discard(&self.layout.layer(id))?;
            }
        }
        Ok(())
    }

    /// Ids of the directories of layers.
    pub(crate) fn layer_dirs(&self) -> Result<Vec<u64>> {
        let dir = self.layout.layers();
        let fail = |errno| StoreError::os("list", &dir)(errno);
        let fd = fsutil::open_dir_path(&dir).map_err(fail)?;
        let names = fsutil::list(&fd).map_err(fail)?;
        Ok(names.iter().filter_map(|(name, _)| name.to_str().ok()?.parse().ok()).collect())
    }

    /// Keys of files that no row names.
    pub(crate) fn loose_objects(&self, byte: u8) -> Result<Vec<Digest>> {
        let dir = self.layout.root().join("objects").join(format!("{byte:02x}"));
        let fail = |errno| StoreError::os("list", &dir)(errno);
        let fd = match fsutil::open_dir_path(&dir) {
            Err(rustix::io::Errno::NOENT) => return Ok(Vec::new()),
            opened => opened.map_err(fail)?,
        };
        let names = fsutil::list(&fd).map_err(fail)?;
        let keys = names.iter().filter_map(|(name, _)| Digest::from_hex(name.to_str().ok()?));
        self.index.read_many("look up objects", |connection| {
            let mut query = connection.prepare_cached("SELECT 1 FROM objects WHERE key=?")?;
            let mut loose = Vec::new();
            for key in keys {
                if !query.exists([key.as_bytes()])? {
                    loose.push(key);
                }
            }
            Ok(loose)
        })
    }

    fn sweep_leftovers(&self, marks: &mut Marks) -> Result<()> {
        for byte in 0..=255 {
            if self.loose_objects(byte)?.is_empty() {
                continue;
            }
            let _gate = self.step(marks)?;
            for key in self.loose_objects(byte)? {
                if !marks.blobs.contains(&key) {
                    self.layout.discard(&self.layout.object(&key))?;
                }
            }
        }
        Ok(())
    }

    /// Copies what is left in packs that have large gaps, and drops those.
    fn compact(&self, marks: &mut Marks, gaps: Gaps, report: &mut PruneReport) -> Result<()> {
        let mut worth = Vec::new();
        {
            let _gate = self.step(marks)?;
            for (id, len) in self.packs.list().map_err(StoreError::io("list", self.layout.packs()))? {
                if self.is_worth_emptying(id, len, self.live_in_pack(id, |_| true)?, gaps) {
                    worth.push((id, len));
                }
            }
            if worth.iter().any(|(id, _)| *id == self.packs.current()) {
                self.packs.turn();
            }
        }
        for (id, len) in worth {
            let _gate = self.step(marks)?;
            if self.packs.is_held(id) {
                continue;
            }
            let live = self.live_in_pack(id, |_| true)?;
            self.empty_pack(id)?;
            self.packs.close(id);
            self.layout.discard(&self.packs.path(id))?;
            report.freed_bytes += len.saturating_sub(live);
        }
        Ok(())
    }

    fn empty_pack(&self, id: u32) -> Result<()> {
        let places: Vec<(Vec<u8>, Place)> = self.index.read("list a pack", |connection| {
            let mut query =
                connection.prepare("SELECT digest, offset, size FROM packed WHERE pack=? ORDER BY offset")?;
            let place = |row: &rusqlite::Row<'_>| {
                let offset: i64 = row.get(1)?;
                Ok((row.get(0)?, Place { pack: id, offset: offset as u64, size: row.get(2)? }))
            };
            query.query_map([id], place)?.collect()
        })?;
        let mut contents = Vec::with_capacity(places.len());
        for (digest, place) in places {
            let Some(digest) = Digest::from_slice(&digest) else { continue };
            // What is damaged is not carried along; it becomes a miss.
            if let Ok(content) = self.packs.read(place)
                && Digest::of(&content) == digest
            {
                contents.push((digest, content));
            }
        }
        let packed = self.write_packed(&contents)?;
        self.index.write("move contents to another pack", |transaction| {
            transaction.execute("DELETE FROM packed WHERE pack=?", params![id])?;
            Rows { packed, ..Rows::default() }.insert(transaction)
        })
    }
}

/// Key, content and size.
pub(crate) type Object = (Digest, Digest, u64);

struct Directory {
    digest: Digest,
    /// Of its encoded form.
    len: u64,
    below: Vec<Digest>,
}

fn directories_of(node: &Node) -> Vec<Digest> {
    let directory = |entry: &kukri_tree::Entry| match &entry.kind {
        EntryKind::Dir(id) => Some(id.stored),
        _ => None,
    };
    node.entries.iter().filter_map(directory).collect()
}

/// Digests and lengths, each before those that it refers to: who is told between two steps that a directory is there
/// relies on all below it.
fn top_down(directories: Vec<Directory>) -> Vec<(Digest, u64)> {
    let at: HashMap<Digest, usize> =
        directories.iter().enumerate().map(|(at, directory)| (directory.digest, at)).collect();
    let mut above = vec![0_usize; directories.len()];
    for below in directories.iter().flat_map(|directory| &directory.below).filter_map(|digest| at.get(digest))
    {
        above[*below] += 1;
    }
    let mut todo: Vec<usize> = (0..directories.len()).filter(|at| above[*at] == 0).collect();
    let mut sorted = Vec::with_capacity(directories.len());
    while let Some(next) = todo.pop() {
        let Directory { digest, len, below } = &directories[next];
        sorted.push((*digest, *len));
        for below in below.iter().filter_map(|digest| at.get(digest)) {
            above[*below] -= 1;
            if above[*below] == 0 {
                todo.push(*below);
            }
        }
    }
    sorted
}

/// Objects are asked for by key and by content. For a content one is enough; `kept` are those that have one.
fn object_lives(marks: &Marks, (key, digest, _): &(Digest, Digest, u64), kept: &mut HashSet<Digest>) -> bool {
    marks.blobs.contains(key) || (marks.blobs.contains(digest) && kept.insert(*digest))
}
