//! Parsed and validated documents, by the digest of their text.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use kukri_model::Digest;

use super::Document;
use crate::schema::View;

/// A document that was parsed and validated against one schema.
#[derive(Debug)]
pub struct Prepared {
    /// The document.
    pub document: Document,
    /// For each operation that asks only for the schema and takes no variables: the answer, once it is known.
    pub introspection: Vec<Option<OnceLock<Bytes>>>,
}

/// Bytes that are set aside for each answer that is kept; longer ones are not kept.
pub const MAX_KEPT_ANSWER: usize = 2 << 20;

impl Prepared {
    fn cost(&self) -> usize {
        self.document.cost() + self.introspection.iter().flatten().count() * MAX_KEPT_ANSWER
    }
}

/// Identity of a document in one view.
pub type Key = (Digest, View);

/// Keeps the documents used last, up to a number of bytes. Documents that would take more than an eighth of it are
/// not kept.
#[derive(Debug)]
pub struct DocumentCache {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, (Arc<Prepared>, u64)>,
    order: BTreeMap<u64, Key>,
    clock: u64,
    bytes: usize,
}

impl DocumentCache {
    /// A cache of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    /// The document, if it is known.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Arc<Prepared>> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        state.clock += 1;
        let (prepared, used) = state.entries.get_mut(key)?;
        state.order.remove(used);
        *used = state.clock;
        state.order.insert(state.clock, *key);
        Some(Arc::clone(prepared))
    }

    /// Forgets all documents.
    pub fn clear(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Keeps a document.
    pub fn insert(&self, key: Key, prepared: &Arc<Prepared>) {
        let cost = prepared.cost();
        if cost > self.limit / 8 {
            return;
        }
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        state.clock += 1;
        state.bytes += cost;
        if let Some((old, used)) = state.entries.insert(key, (Arc::clone(prepared), state.clock)) {
            state.bytes -= old.cost();
            state.order.remove(&used);
        }
        state.order.insert(state.clock, key);
        while state.bytes > self.limit {
            let Some((_, oldest)) = state.order.pop_first() else { break };
            if let Some((old, _)) = state.entries.remove(&oldest) {
                state.bytes -= old.cost();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str) -> (Key, Arc<Prepared>) {
        let document = crate::document::parse(text).unwrap();
        (
            (Digest::of(text.as_bytes()), View::DEFAULT),
            Arc::new(Prepared { document, introspection: Vec::new() }),
        )
    }

    #[test]
    fn the_oldest_goes_first_and_the_bound_holds() {
        let cost = prepared("{aaa}").1.document.cost();
        let cache = DocumentCache::new(cost * 10);
        let all: Vec<_> = (100..120)
            .map(|n| prepared(&format!("{{{}}}", char::from(n as u8).to_string().repeat(3))))
            .collect();
        for (key, document) in &all {
            cache.insert(*key, document);
            assert!(cache.get(&all[0].0).is_some(), "what is used stays");
        }
        assert!(cache.get(&all[1].0).is_none());
        assert!(cache.get(&all[19].0).is_some());
        assert!(cache.state.lock().unwrap().bytes <= cost * 10);
        let (key, large) = prepared(&format!("{{{}}}", "a ".repeat(1000)));
        cache.insert(key, &large);
        assert!(cache.get(&key).is_none(), "too large to keep");
        cache.clear();
        assert!(cache.get(&all[19].0).is_none());
        cache.insert(all[19].0, &all[19].1);
        assert_eq!(cache.state.lock().unwrap().bytes, cost);
    }
}
