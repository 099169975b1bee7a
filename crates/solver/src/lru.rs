//! A map that forgets what was used longest ago.

use std::collections::HashMap;
use std::hash::Hash;

const NONE: usize = usize::MAX;

/// A map of at most `capacity` entries. All operations take constant time.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    capacity: usize,
    index: HashMap<K, usize>,
    entries: Vec<Entry<K, V>>,
    newest: usize,
    oldest: usize,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    newer: usize,
    older: usize,
}

impl<K: Copy + Eq + Hash, V> Lru<K, V> {
    /// An empty map. A capacity of 0 keeps nothing.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, index: HashMap::new(), entries: Vec::new(), newest: NONE, oldest: NONE }
    }

    /// The value, which counts as used now.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        let at = *self.index.get(key)?;
        self.unlink(at);
        self.link(at);
        Some(&self.entries[at].value)
    }

    /// Adds or replaces. Gives back what has to go for it, so that the caller can drop it where that does no harm.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.capacity == 0 {
            return Some(value);
        }
        if let Some(&at) = self.index.get(&key) {
            self.unlink(at);
            self.link(at);
            return Some(std::mem::replace(&mut self.entries[at].value, value));
        }
        if self.entries.len() < self.capacity {
            let at = self.entries.len();
            self.entries.push(Entry { key, value, newer: NONE, older: NONE });
            self.index.insert(key, at);
            self.link(at);
            return None;
        }
        let at = self.oldest;
        self.unlink(at);
        let entry = &mut self.entries[at];
        self.index.remove(&entry.key);
        entry.key = key;
        let gone = std::mem::replace(&mut entry.value, value);
        self.index.insert(key, at);
        self.link(at);
        Some(gone)
    }

    /// Forgets all, and gives it back to be dropped.
    pub(crate) fn clear(&mut self) -> Vec<impl Sized + use<K, V>> {
        self.index.clear();
        (self.newest, self.oldest) = (NONE, NONE);
        std::mem::take(&mut self.entries)
    }

    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.entries[at].newer, self.entries[at].older);
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older].newer = newer,
        }
    }

    fn link(&mut self, at: usize) {
        self.entries[at].newer = NONE;
        self.entries[at].older = self.newest;
        match self.newest {
            NONE => self.oldest = at,
            newest => self.entries[newest].newer = at,
        }
        self.newest = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first() {
        let mut lru = Lru::new(3);
        for n in 0..3 {
            assert_eq!(lru.insert(n, n * 10), None);
        }
        assert_eq!(lru.get(&0), Some(&0));
        assert_eq!(lru.insert(3, 30), Some(10), "1 was unused for longest");
        assert_eq!(lru.insert(2, 21), Some(20), "replaced");
        assert_eq!(lru.insert(4, 40), Some(0));
        assert_eq!([2, 3, 4].map(|n| lru.get(&n).copied()), [Some(21), Some(30), Some(40)]);
        assert_eq!(lru.get(&0), None);
        assert_eq!(lru.clear().len(), 3);
        assert_eq!(lru.get(&2), None);
        assert_eq!(lru.insert(1, 1), None);
        assert_eq!(lru.get(&1), Some(&1));
    }

    #[test]
    fn one_and_none() {
        let mut lru = Lru::new(1);
        assert_eq!(lru.insert(1, 1), None);
        assert_eq!(lru.insert(2, 2), Some(1));
        assert_eq!(lru.get(&2), Some(&2));
        assert_eq!(Lru::new(0).insert(1, 1), Some(1));
    }
}
