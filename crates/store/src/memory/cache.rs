//! Decoded nodes, bounded by bytes.
//!
//! Two generations instead of a list: what is used moves to the young one; when that has half of the budget it becomes
//! the old one, and what was old and not used meanwhile is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kukri_model::Digest;
use kukri_tree::Node;

use super::lock;

type Generation = HashMap<Digest, (Arc<Node>, usize)>;

#[derive(Debug)]
pub(crate) struct NodeCache {
    half: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    young: Generation,
    young_bytes: usize,
    old: Generation,
}

impl NodeCache {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { half: bytes / 2, state: Mutex::default() }
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Node>> {
        let mut state = lock(&self.state);
        if let Some((node, _)) = state.young.get(digest) {
            return Some(Arc::clone(node));
        }
        let (node, bytes) = state.old.remove(digest)?;
        state.add(*digest, Arc::clone(&node), bytes, self.half);
        Some(node)
    }

    /// `encoded`: length of the encoded node.
    pub(crate) fn put(&self, digest: Digest, node: Arc<Node>, encoded: usize) {
        // An entry in memory is about twice as long as its bytes.
        let bytes = encoded * 2 + 128;
        lock(&self.state).add(digest, node, bytes, self.half);
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        let mut state = lock(&self.state);
        if let Some((_, bytes)) = state.young.remove(digest) {
            state.young_bytes -= bytes;
        }
        state.old.remove(digest);
    }
}

impl State {
    fn add(&mut self, digest: Digest, node: Arc<Node>, bytes: usize, half: usize) {
        if self.young_bytes + bytes > half {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(digest, (node, bytes)).is_none() {
            self.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let cache = NodeCache::new(100 * 1128);
        let hot = Digest::of(b"hot");
        cache.put(hot, Arc::new(Node::empty()), 500);
        for number in 0..1000_u32 {
            assert!(cache.get(&hot).is_some(), "dropped after {number} others");
            cache.put(Digest::of(&number.to_le_bytes()), Arc::new(Node::empty()), 500);
        }
        let state = lock(&cache.state);
        assert!(state.young.len() + state.old.len() <= 101);
        assert!(!state.old.contains_key(&Digest::of(&0_u32.to_le_bytes())));
    }
}
