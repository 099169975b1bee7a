//! Which tree that has layers is most like one that has none.

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;

use kukri_model::Digest;
use kukri_tree::{EntryKind, NodeReader as _};

use crate::error::Result;
use crate::materialise::Below;
use crate::store::Inner;

/// A tree of no more entries than this is built whole: to look for another one would cost as much.
const SMALL: u64 = 256;

/// Trees that are looked at: the latest, and of those that are one layer, as base images are.
const LATEST: usize = 32;
const WHOLE: usize = 16;

/// Most entries in which a tree may differ from the one that it is built on. It bounds what a look costs.
const MOST: u64 = 4_096;

/// What a layer more counts, in entries: each one makes all that runs on the stack a little slower.
const LAYER: u64 = 4;

impl Inner {
    /// A tree with a stack, over which the missing layer of `tree` is small; none if it is better built whole.
    ///
    /// It is found by content and not by how the tree was made, so that it is found as well for what a client sent after a
    /// change, and after a restart.
    pub(crate) fn nearby(&self, tree: &Digest) -> Result<Option<Below>> {
        if !self.has_more_than(tree, SMALL)? {
            return Ok(None);
        }
        let mut best: Option<(u64, Digest)> = None;
        for (candidate, layers) in self.candidates(tree)? {
            let extra = layers as u64 * LAYER;
            let most = best.map_or(MOST, |(cost, _)| cost).saturating_sub(extra);
            // A tree that is not complete any more is no base.
            let Ok(Some(differs)) = self.difference(tree, &candidate, most) else { continue };
            best = Some((differs + extra, candidate));
        }
        let Some((cost, base)) = best else { return Ok(None) };
        if !self.has_more_than(tree, 2 * cost)? {
            return Ok(None);
        }
        Ok(self.stack(&base)?.map(|stack| (base, stack)))
    }

    /// Trees over whose stacks there is room for a layer, and the numbers of their layers.
    fn candidates(&self, tree: &Digest) -> Result<Vec<(Digest, usize)>> {
        let mut stacks = self.all_stacks()?;
        let room = 1..self.config.max_layers;
        stacks.retain(|(known, layers)| room.contains(&layers.len()) && known != tree);
        // Layers are numbered as they are made.
        stacks.sort_unstable_by_key(|(_, layers)| Reverse(layers[0]));
        let whole = stacks.iter().filter(|(_, layers)| layers.len() == 1).take(WHOLE);
        let mut seen = HashSet::new();
        let chosen = stacks.iter().take(LATEST).chain(whole).filter(|(known, _)| seen.insert(*known));
        Ok(chosen.map(|(known, layers)| (*known, layers.len())).collect())
    }

    fn has_more_than(&self, tree: &Digest, most: u64) -> Result<bool> {
        let (mut todo, mut entries) = (vec![*tree], 0);
        while let Some(next) = todo.pop() {
            let node = self.node(&next)?;
            entries += node.entries.len() as u64;
            if entries > most {
                return Ok(true);
            }
            todo.extend(node.entries.iter().filter_map(|entry| match &entry.kind {
                EntryKind::Dir(id) => Some(id.stored),
                _ => None,
            }));
        }
        Ok(false)
    }

    /// How many entries a layer has that makes `new` of `old`; nothing if there are `most` or more, or if one of them is a
    /// hard link: the other names of a file may lie in layers below, where they would be another file.
    fn difference(&self, new: &Digest, old: &Digest, most: u64) -> Result<Option<u64>> {
        let (mut todo, mut cost) = (vec![(*new, Some(*old))], 0);
        while let Some((new, old)) = todo.pop() {
            let new = self.node(&new)?;
            let old = old.map(|old| self.node(&old)).transpose()?;
            let mut old = old.as_ref().map(|node| &node.entries[..]).unwrap_or_default();
            for entry in &new.entries {
                let same = loop {
                    let Some((first, rest)) = old.split_first() else { break None };
                    match first.name.cmp(&entry.name) {
                        Ordering::Greater => break None,
                        Ordering::Equal => {
                            old = rest;
                            break Some(first);
                        }
                        // It is gone.
                        Ordering::Less => cost += 1,
                    }
                    old = rest;
                };
                if same == Some(entry) {
                    continue;
                }
                cost += 1;
                if cost >= most {
                    return Ok(None);
                }
                match &entry.kind {
                    EntryKind::Dir(id) => todo.push((
                        id.stored,
                        match same.map(|same| &same.kind) {
                            Some(EntryKind::Dir(old)) => Some(old.stored),
                            _ => None,
                        },
                    )),
                    EntryKind::File { link_group, .. } if *link_group != 0 => return Ok(None),
                    _ => {}
                }
            }
            cost += old.len() as u64;
        }
        Ok((cost < most).then_some(cost))
    }
}
