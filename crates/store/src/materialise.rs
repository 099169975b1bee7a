//! Trees as stacks of overlay lower directories.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kukri_model::Digest;
use kukri_tree::{NodeReader as _, TreeId};
use rusqlite::{OptionalExtension as _, Transaction, params};

use crate::Store;
use crate::error::{Result, StoreError};
use crate::memory::leases::Guard;
use crate::memory::lock;
use crate::place::Placer;
use crate::sink::{Rows, Sink};
use crate::store::Inner;

/// Stacks kept in memory.
const MAX_KNOWN: usize = 4096;

/// Layers that together show a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stack {
    /// Ids, topmost first.
    pub(crate) layers: Vec<u64>,
    /// Stored digest of the tree that the layers below the topmost one show, if it was known.
    pub(crate) parent: Option<Digest>,
}

/// A tree by its stored digest, and its stack.
pub(crate) type Below = (Digest, Arc<Stack>);

/// A layer that is new.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewLayer {
    pub(crate) id: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// A tree as overlay lower directories, kept while this lives.
#[derive(Debug)]
pub struct Materialisation {
    /// The directories, topmost first. Never empty. Nobody may write to them.
    pub lowers: Vec<PathBuf>,
    /// The tree.
    pub tree: TreeId,
    _guard: Guard,
}

/// Keeps a tree and everything in it from being collected while it lives.
#[derive(Debug)]
pub struct Lease {
    _guard: Guard,
}

impl Store {
    /// The tree as a stack of overlay lower directories. At once if it has one; otherwise one layer is built: over the stack
    /// of another tree if that is much like this one, so that an edit costs what it changes.
    pub fn materialise(&self, tree: &TreeId) -> Result<Materialisation> {
        let inner = &*self.inner;
        let guard = self.lease(tree)._guard;
        if let Some(done) = inner.known(tree)? {
            return Ok(done);
        }
        let _claim = Claim::take(inner, tree.stored);
        if let Some(done) = inner.known(tree)? {
            return Ok(done);
        }
        let (below, _kept) = inner.below(tree)?;
        let stack = inner.build(tree, below)?;
        let made = inner.materialisation(tree, &stack);
        // Only now: the tree has a holder at every moment.
        drop(guard);
        Ok(made)
    }

    /// Keeps a tree and all it refers to from being collected as long as the guard lives.
    #[must_use]
    pub fn lease(&self, tree: &TreeId) -> Lease {
        let guard = self.inner.leases.trees(vec![*tree], Vec::new());
        self.inner.touch([&tree.stored]);
        Lease { _guard: guard }
    }
}

/// The right to materialise one tree; others wait for it.
struct Claim<'a> {
    inner: &'a Inner,
    tree: Digest,
}

impl<'a> Claim<'a> {
    fn take(inner: &'a Inner, tree: Digest) -> Self {
        let mut building = lock(&inner.building);
        while !building.insert(tree) {
            building = inner.built.wait(building).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        Self { inner, tree }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        lock(&self.inner.building).remove(&self.tree);
        self.inner.built.notify_all();
    }
}

impl Inner {
    /// The tree, if it has a stack that may be handed out.
    fn known(&self, tree: &TreeId) -> Result<Option<Materialisation>> {
        let _gate = self.enter();
        let stack = self.stack(&tree.stored)?.filter(|stack| stack.layers.len() <= self.config.max_layers);
        Ok(stack.map(|stack| self.materialisation(tree, &stack)))
    }

    fn materialisation(&self, tree: &TreeId, stack: &Stack) -> Materialisation {
        Materialisation {
            lowers: stack.layers.iter().map(|id| self.layout.layer(*id)).collect(),
            tree: *tree,
            _guard: self.leases.trees(vec![*tree], stack.layers.clone()),
        }
    }

    /// The stack of a tree by its stored digest.
    pub(crate) fn stack(&self, tree: &Digest) -> Result<Option<Arc<Stack>>> {
        if let Some(stack) = lock(&self.stacks).get(tree) {
            return Ok(Some(Arc::clone(stack)));
        }
        let row: Option<(Vec<u8>, Option<Vec<u8>>)> = self.index.read("look up layers", |connection| {
            let mut query = connection.prepare_cached("SELECT layers, parent FROM stacks WHERE tree=?")?;
            query.query_row([tree.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })?;
        let Some((layers, parent)) = row else { return Ok(None) };
        let stack = Arc::new(Stack {
            layers: decode_layers(&layers),
            parent: parent.and_then(|parent| Digest::from_slice(&parent)),
        });
        // Once per lookup from disk: a layer that somebody deleted must not be handed out.
        if stack.layers.is_empty() || !stack.layers.iter().all(|id| self.layout.layer(*id).is_dir()) {
            tracing::warn!(%tree, "a layer is gone; the tree will be built anew");
            self.drop_stack(tree)?;
            return Ok(None);
        }
        self.remember(tree, &stack);
        Ok(Some(stack))
    }

    fn remember(&self, tree: &Digest, stack: &Arc<Stack>) {
        let mut stacks = lock(&self.stacks);
        if stacks.len() >= MAX_KNOWN {
            stacks.clear();
        }
        stacks.insert(*tree, Arc::clone(stack));
    }

    pub(crate) fn drop_stack(&self, tree: &Digest) -> Result<()> {
        lock(&self.stacks).remove(tree);
        self.index.write("drop a stack of layers", |transaction| {
            transaction.execute("DELETE FROM stacks WHERE tree=?", [tree.as_bytes()]).map(drop)
        })
    }

    /// Drops all of them: trees are materialised anew when they are needed.
    pub(crate) fn drop_stacks(&self) -> Result<()> {
        self.index.write("drop stacks of layers", |transaction| {
            transaction.execute("DELETE FROM stacks", []).map(drop)
        })?;
        lock(&self.stacks).clear();
        Ok(())
    }

    /// Over which tree's stack the missing layer of `tree` is to be built, and a guard that keeps that stack.
    fn below(&self, tree: &TreeId) -> Result<(Option<Below>, Guard)> {
        let _gate = self.enter();
        let below = match self.stack(&tree.stored)? {
            Some(stack) => self.squash_base(&stack)?,
            None => self.nearby(&tree.stored)?,
        };
        if let Some((base, _)) = &below {
            self.recent.touch_all(std::iter::once(base));
        }
        let layers = below.as_ref().map(|(_, stack)| stack.layers.clone()).unwrap_or_default();
        Ok((below, self.leases.trees(Vec::new(), layers)))
    }

    /// Builds the missing layer of `tree` over `below`.
    fn build(&self, tree: &TreeId, below: Option<Below>) -> Result<Stack> {
        let path = self.layout.fresh_tmp();
        fs::create_dir(&path).map_err(StoreError::io("make", &path))?;
        let built = self.build_in(&path, tree, below);
        if built.is_err() {
            let _ = self.layout.discard(&path);
        }
        built
    }

    fn build_in(&self, path: &std::path::Path, tree: &TreeId, below: Option<Below>) -> Result<Stack> {
        let mut placer = Placer::new(self, path)?;
        placer.tree(&tree.stored, below.as_ref().map(|(base, _)| base))?;
        let (entries, mut sink) = (placer.entries, placer.sink);
        let bytes = placer.bytes + sink.shared_bytes();
        let (parent, rest) = match &below {
            Some((base, stack)) => (Some(*base), stack.layers.clone()),
            None => (None, Vec::new()),
        };
        let _gate = self.enter();
        let layer = self.add_layer(path, entries, bytes)?;
        let stack = Stack { layers: [vec![layer.id], rest].concat(), parent };
        self.record(&mut sink, Rows::default(), tree, layer, &stack)?;
        Ok(stack)
    }

    /// Moves a finished directory to the layers. The caller holds the gate until it is recorded.
    pub(crate) fn add_layer(&self, path: &std::path::Path, entries: u64, bytes: u64) -> Result<NewLayer> {
        let id = self.next_layer.fetch_add(1, Ordering::AcqRel);
        fs::rename(path, self.layout.layer(id)).map_err(StoreError::io("make a layer of", path))?;
        Ok(NewLayer { id, entries, bytes })
    }

    /// Writes all that belongs to a new layer in one transaction. The caller holds the gate.
    pub(crate) fn record(
        &self,
        sink: &mut Sink,
        rows: Rows,
        tree: &TreeId,
        layer: NewLayer,
        stack: &Stack,
    ) -> Result<()> {
        sink.flush(self, rows, |transaction| insert_stack(transaction, tree, layer, stack))?;
        self.remember(&tree.stored, &Arc::new(stack.clone()));
        Ok(())
    }

    /// For a stack that is too long: the tree further down over which its upper layers should become one. Layers are
    /// merged as long as the next one is not much larger than all above it, so that a long chain of steps costs the
    /// same per step however long it is.
    fn squash_base(&self, stack: &Stack) -> Result<Option<Below>> {
        let at_least = (self.config.max_layers / 4).max(2);
        let mut best = None;
        let (mut merged, mut sum) = (1, self.layer_entries(stack.layers[0])?);
        let mut parent = stack.parent;
        while let Some(tree) = parent {
            let Some(below) = self.stack(&tree)? else { break };
            if self.node(&tree).is_err() || below.layers.is_empty() {
                break;
            }
            let next = self.layer_entries(below.layers[0])?;
            parent = below.parent;
            if below.layers.len() < self.config.max_layers {
                best = Some((tree, below));
                if merged >= at_least && next > sum.saturating_mul(2) {
                    break;
                }
            }
            sum += next;
            merged += 1;
        }
        Ok(best)
    }

    fn layer_entries(&self, id: u64) -> Result<u64> {
        self.index.read("look up a layer", |connection| {
            let mut query = connection.prepare_cached("SELECT entries FROM layers WHERE id=?")?;
            let entries: Option<i64> = query.query_row([id as i64], |row| row.get(0)).optional()?;
            Ok(entries.unwrap_or_default() as u64)
        })
    }
}

fn insert_stack(
    transaction: &Transaction<'_>,
    tree: &TreeId,
    layer: NewLayer,
    stack: &Stack,
) -> rusqlite::Result<()> {
    transaction.prepare_cached("INSERT INTO layers VALUES(?,?,?)")?.execute(params![
        layer.id as i64,
        layer.entries as i64,
        layer.bytes as i64
    ])?;
    transaction.prepare_cached("INSERT OR REPLACE INTO stacks VALUES(?,?,?)")?.execute(params![
        tree.stored.as_bytes(),
        encode_layers(&stack.layers),
        stack.parent.as_ref().map(|parent| parent.as_bytes().as_slice()),
    ])?;
    Ok(())
}

fn encode_layers(layers: &[u64]) -> Vec<u8> {
    layers.iter().flat_map(|id| id.to_le_bytes()).collect()
}

pub(crate) fn decode_layers(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks::<8>().0.iter().map(|id| u64::from_le_bytes(*id)).collect()
}
