//! Whether a store is sound.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use kukri_model::Digest;
use kukri_tree::{EntryKind, Node};

use crate::Store;
use crate::blobs::is_empty_content;
use crate::disk::fsutil;
use crate::disk::packs::Place;
use crate::error::{Result, StoreError};
use crate::memory::lock;
use crate::records::Root;
use crate::store::Inner;
use crate::trees::EMPTY;

/// How to verify.
#[derive(Clone, Copy, Default, Debug)]
pub struct VerifyOptions {
    /// Read and hash every content, also in layers, instead of only looking whether it is there with the right length.
    pub deep: bool,
    /// Drop damaged records, so that they become misses.
    pub repair: bool,
}

/// One damaged record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// `"node"`, `"packed"`, `"object"`, `"layer"` or `"result"`.
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
    /// Files that no record names, left by a crash or being written now; the next prune takes those of crashes. Not
    /// damage.
    pub leftovers: u64,
}

struct Verify<'a> {
    inner: &'a Inner,
    options: VerifyOptions,
    report: VerifyReport,
}

impl Store {
    /// Checks every record. Others may go on using the store.
    pub fn verify(&self, options: VerifyOptions) -> Result<VerifyReport> {
        let _one = lock(&self.inner.care);
        let mut verify = Verify { inner: &self.inner, options, report: VerifyReport::default() };
        verify.nodes()?;
        verify.packed()?;
        verify.objects()?;
        verify.layers()?;
        if options.repair {
            verify.incomplete()?;
        }
        verify.results(self)?;
        for byte in 0..=255 {
            verify.report.leftovers += self.inner.loose_objects(byte)?.len() as u64;
        }
        Ok(verify.report)
    }
}

impl Verify<'_> {
    fn problem(
        &mut self,
        kind: &'static str,
        id: String,
        reason: impl Into<String>,
        drop: impl FnOnce(&Inner) -> Result<()>,
    ) -> Result<()> {
        if self.options.repair {
            drop(self.inner)?;
        }
        self.report.problems.push(Problem { kind, id, reason: reason.into(), repaired: self.options.repair });
        Ok(())
    }

    fn nodes(&mut self) -> Result<()> {
        let mut damaged = Vec::new();
        self.report.checked += self.inner.index.read("list nodes", |connection| {
            let mut query = connection.prepare("SELECT rowid, digest, bytes FROM nodes")?;
            let (mut rows, mut count) = (query.query([])?, 0);
            while let Some(row) = rows.next()? {
                count += 1;
                let (rowid, digest): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                let bytes = row.get_ref(2)?.as_blob().unwrap_or_default();
                match Digest::from_slice(&digest) {
                    Some(digest) if Digest::of(bytes) != digest => {
                        damaged.push((rowid, digest.hex(), "its bytes have another digest".to_owned()));
                    }
                    Some(digest) => {
                        if let Err(error) = Node::decode(&digest, bytes) {
                            damaged.push((rowid, digest.hex(), error.to_string()));
                        }
                    }
                    None => damaged.push((rowid, format!("row {rowid}"), "not a digest".to_owned())),
                }
            }
            Ok(count)
        })?;
        for (rowid, id, reason) in damaged {
            self.problem("node", id, reason, |inner| {
                inner.index.write("drop a damaged node", |transaction| {
                    transaction.execute("DELETE FROM nodes WHERE rowid=?", [rowid]).map(drop)
                })
            })?;
        }
        Ok(())
    }

    fn packed(&mut self) -> Result<()> {
        let inner = self.inner;
        let rows: Vec<(Vec<u8>, Place)> = inner.index.read("list contents", |connection| {
            let mut query =
                connection.prepare("SELECT digest, pack, offset, size FROM packed ORDER BY pack, offset")?;
            let place = |row: &rusqlite::Row<'_>| {
                let offset: i64 = row.get(2)?;
                Ok((row.get(0)?, Place { pack: row.get(1)?, offset: offset as u64, size: row.get(3)? }))
            };
            query.query_map([], place)?.collect()
        })?;
        // After the rows: packs grow while others write, and what a row names is in its pack before there is the row.
        let packs = inner.packs.list().map_err(StoreError::io("list", inner.layout.packs()))?;
        let lengths: HashMap<u32, u64> = packs.into_iter().collect();
        for (key, place) in rows {
            self.report.checked += 1;
            let digest = Digest::from_slice(&key);
            let inside =
                lengths.get(&place.pack).is_some_and(|len| place.offset + u64::from(place.size) <= *len);
            let sound = || match inner.packs.read(place) {
                Ok(content) if Some(Digest::of(&content)) == digest => None,
                Ok(_) => Some("its bytes have another digest".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            let reason = match (inside, self.options.deep) {
                (false, _) => Some(format!("pack {} does not reach that far", place.pack)),
                (true, true) => sound(),
                (true, false) => None,
            };
            // The collector does not run now, so the place is what it was.
            if let Some(reason) = reason {
                let id = digest.map(|digest| digest.hex()).unwrap_or_default();
                self.problem("packed", id, reason, |inner| {
                    inner.index.write("drop a damaged content", |transaction| {
                        transaction.execute("DELETE FROM packed WHERE digest=?", [key]).map(drop)
                    })
                })?;
            }
        }
        Ok(())
    }

    fn objects(&mut self) -> Result<()> {
        let rows: Vec<(Vec<u8>, Vec<u8>, i64)> = self.inner.index.read("list objects", |connection| {
            let mut query = connection.prepare("SELECT key, digest, size FROM objects")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })?;
        for (key, digest, size) in rows {
            self.report.checked += 1;
            let (Some(key), Some(digest)) = (Digest::from_slice(&key), Digest::from_slice(&digest)) else {
                continue;
            };
            if let Err(reason) = self.object(&key, &digest, size as u64)
                && self.inner.has_object(&key)?
            {
                self.problem("object", key.hex(), reason, |inner| inner.drop_object(&key))?;
            }
        }
        Ok(())
    }

    fn object(&self, key: &Digest, digest: &Digest, size: u64) -> std::result::Result<(), String> {
        let path = self.inner.layout.object(key);
        let text = |error: std::io::Error| error.to_string();
        let mut file = std::fs::File::open(&path).map_err(text)?;
        let len = file.metadata().map_err(text)?.len();
        if len != size {
            return Err(format!("{len} bytes instead of {size}"));
        }
        if !self.options.deep {
            return Ok(());
        }
        match fsutil::digest_of(&mut file, &|| false).map_err(text)? {
            Some(found) if found == *digest => Ok(()),
            _ => Err("it has another content".to_owned()),
        }
    }

    fn layers(&mut self) -> Result<()> {
        let dirs: HashSet<u64> = self.inner.layer_dirs()?.into_iter().collect();
        for (tree, layers) in self.inner.all_stacks()? {
            self.report.checked += 1;
            if let Some(gone) =
                layers.iter().find(|id| !dirs.contains(id) && !self.inner.layout.layer(**id).is_dir())
            {
                let reason = format!("layer {gone} is gone");
                self.problem("layer", tree.hex(), reason, |inner| inner.drop_stack(&tree))?;
            } else if self.options.deep
                && let Some(stack) = self.inner.stack(&tree)?
                && let Some(reason) = self.inner.fault_of_layer(&tree, &stack)?
            {
                // Others may have it below them.
                self.problem("layer", tree.hex(), reason, Inner::drop_stacks)?;
            }
        }
        let rows: HashSet<u64> = self.inner.layers()?.into_iter().map(|(id, _)| id).collect();
        self.report.leftovers += dirs.difference(&rows).count() as u64;
        Ok(())
    }

    /// Directories of which a content or a directory is gone, and those that they are in. Whoever asks whether one is there
    /// relies on all of it, so they have to go: a client would not send again what is missing.
    fn incomplete(&mut self) -> Result<()> {
        let empty = Node::empty().id().stored;
        let (mut contents, mut parents) = (Vec::new(), HashMap::<Digest, Vec<Digest>>::new());
        // Before the contents are looked at: they are there before the directories that name them.
        let rows: Vec<(Vec<u8>, Vec<u8>)> = self.inner.index.read("list nodes", |connection| {
            let mut query = connection.prepare("SELECT digest, bytes FROM nodes")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let mut nodes = HashSet::from([empty]);
        for (digest, bytes) in &rows {
            let Some(digest) = Digest::from_slice(digest) else { continue };
            let Ok(node) = Node::decode(&digest, bytes) else { continue };
            nodes.insert(digest);
            for entry in &node.entries {
                match &entry.kind {
                    EntryKind::Dir(id) => parents.entry(id.stored).or_default().push(digest),
                    EntryKind::File { blob, size, .. } if *size > 0 => contents.push((*blob, digest)),
                    _ => {}
                }
            }
        }
        drop(rows);
        let known: HashSet<Vec<u8>> = self.inner.index.read("list contents", |connection| {
            let mut query =
                connection.prepare("SELECT digest FROM packed UNION SELECT digest FROM objects")?;
            query.query_map([], |row| row.get(0))?.collect()
        })?;
        let lost = contents.iter().filter(|(blob, _)| !known.contains(&blob.as_bytes()[..]));
        let mut todo: Vec<Digest> = lost.map(|(_, node)| *node).collect();
        let gone = parents.iter().filter(|(child, _)| !nodes.contains(*child));
        todo.extend(gone.flat_map(|(_, parents)| parents));
        let mut seen = HashSet::new();
        while let Some(digest) = todo.pop() {
            if !seen.insert(digest) {
                continue;
            }
            todo.extend(parents.get(&digest).into_iter().flatten());
            self.problem("node", digest.hex(), "something in it is missing", |inner| {
                inner.deletions.fetch_add(1, Ordering::Relaxed);
                inner.nodes.remove(&digest);
                inner.index.write("drop an incomplete node", |transaction| {
                    transaction.execute("DELETE FROM nodes WHERE digest=?", [digest.as_bytes()]).map(drop)
                })
            })?;
        }
        Ok(())
    }

    /// Every result must have all it refers to.
    fn results(&mut self, store: &Store) -> Result<()> {
        let mut sound = HashSet::new();
        for stored in self.inner.results()? {
            self.report.checked += 1;
            let mut reason = None;
            for root in &stored.roots {
                let missing = match root {
                    Root::Tree(tree) => self.missing(&tree.stored, &mut sound)?,
                    // Not `has_blobs`: to check something is not to use it.
                    Root::Blob(blob) if self.inner.size_of(blob)?.is_some() || is_empty_content(blob) => None,
                    Root::Blob(blob) => Some(format!("content {blob} is missing")),
                };
                reason = reason.or(missing);
            }
            if let Some(reason) = reason {
                let key = stored.key;
                self.problem("result", key.hex(), reason, |_| store.forget_result(&key).map(drop))?;
            }
        }
        Ok(())
    }

    /// What a tree lacks. Trees found whole are in `sound`.
    fn missing(&self, root: &Digest, sound: &mut HashSet<Digest>) -> Result<Option<String>> {
        let mut todo = vec![*root];
        // The empty directory is known without a row.
        let mut seen = HashSet::from([EMPTY.stored]);
        while let Some(digest) = todo.pop() {
            if sound.contains(&digest) || !seen.insert(digest) {
                continue;
            }
            let Some((node, _)) = self.inner.peek_node(&digest)? else {
                return Ok(Some(format!("node {digest} is missing")));
            };
            for entry in &node.entries {
                match &entry.kind {
                    EntryKind::Dir(id) => todo.push(id.stored),
                    EntryKind::File { blob, size, .. } if *size > 0 && !seen.contains(blob) => {
                        if self.inner.size_of(blob)?.is_none() {
                            return Ok(Some(format!("content {blob} is missing")));
                        }
                        seen.insert(*blob);
                    }
                    _ => {}
                }
            }
        }
        sound.extend(seen);
        Ok(None)
    }
}
