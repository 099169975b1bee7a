//! What stays whatever a collection is asked for: what running work uses, and what is spared.

use std::collections::HashSet;

use kukri_model::Digest;

use crate::care::mark::Marks;
use crate::care::usage::Stored;
use crate::error::Result;
use crate::records::Root;
use crate::store::Inner;

/// See the module.
pub(crate) struct Needed {
    /// All that stays.
    pub(crate) marks: Marks,
    /// Its bytes, without layers that no result refers to.
    pub(crate) bytes: u64,
    leased: HashSet<Digest>,
    results: HashSet<Digest>,
}

impl Needed {
    /// `spared`: what was touched lately, of which it is not known what it is of.
    pub(crate) fn find(inner: &Inner, spared: &[Digest], results: &[Stored]) -> Result<Self> {
        let (mut marks, mut bytes) = (Marks::default(), 0);
        let leased = inner.leases.leased_trees();
        for tree in &leased {
            bytes += marks.root(inner, &Root::Tree(*tree))?;
        }
        for digest in spared {
            bytes += marks.any(inner, digest)?;
        }
        let leased = leased.into_iter().map(|tree| tree.stored).collect();
        let mut needed = Self { marks, bytes, leased, results: HashSet::new() };
        let asked_for: HashSet<&Digest> = spared.iter().collect();
        // All before any of them is marked: what one needs only because of another one goes with it.
        let (results, _): (Vec<&Stored>, Vec<_>) = results.iter().partition(|stored| {
            asked_for.contains(&stored.key) || needed.is_used(stored) || needed.stays_anyway(stored)
        });
        for stored in results {
            needed.bytes += stored.value_bytes;
            for root in &stored.roots {
                needed.bytes += needed.marks.root(inner, root)?;
            }
            needed.results.insert(stored.key);
        }
        Ok(needed)
    }

    /// Whether the result stays.
    pub(crate) fn has(&self, result: &Stored) -> bool {
        self.results.contains(&result.key)
    }

    /// Whether running work uses one of its trees.
    pub(crate) fn is_used(&self, result: &Stored) -> bool {
        let used = |root: &Root| matches!(root, Root::Tree(tree) if self.leased.contains(&tree.stored));
        result.roots.iter().any(used)
    }

    /// Whether to drop the result would free nothing but its record.
    fn stays_anyway(&self, result: &Stored) -> bool {
        !result.roots.is_empty()
            && result.roots.iter().all(|root| match root {
                Root::Tree(tree) => self.marks.nodes.contains(&tree.stored),
                Root::Blob(blob) => self.marks.blobs.contains(blob),
            })
    }
}
