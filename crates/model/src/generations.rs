//! Values by digest, bounded by weight.
//!
//! Two generations instead of a list: what is used moves to the young one; when that has half of the weight it becomes
//! the old one, and what was old and not used meanwhile is gone.

use crate::{Digest, DigestMap};

type Generation<V> = DigestMap<(V, usize)>;

/// A map that forgets what was not used for longest, roughly. The unit of weight is the caller's.
#[derive(Debug)]
pub struct Generations<V> {
    half: usize,
    young: Generation<V>,
    young_weight: usize,
    old: Generation<V>,
}

impl<V> Generations<V> {
    /// An empty map of at most `limit`. Entries heavier than half of it are kept, with nothing else in their generation.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { half: limit / 2, young: DigestMap::default(), young_weight: 0, old: DigestMap::default() }
    }

    /// The value, which counts as used now.
    pub fn get(&mut self, key: &Digest) -> Option<&V> {
        if let Some((value, weight)) = self.old.remove(key) {
            self.insert(*key, value, weight);
        }
        self.young.get(key).map(|(value, _)| value)
    }

    /// Adds or replaces.
    pub fn insert(&mut self, key: Digest, value: V, weight: usize) {
        if self.young_weight + weight > self.half {
            self.remove(&key);
        }
        if self.young_weight + weight > self.half {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
        self.old.remove(&key);
        let replaced = self.young.insert(key, (value, weight));
        self.young_weight += weight;
        self.young_weight -= replaced.map_or(0, |(_, weight)| weight);
    }

    /// Makes room for entries that are about to come.
    pub fn reserve(&mut self, entries: usize) {
        self.young.reserve(entries);
    }

    /// Forgets one.
    pub fn remove(&mut self, key: &Digest) {
        if let Some((_, weight)) = self.young.remove(key) {
            self.young_weight -= weight;
        }
        self.old.remove(key);
    }

    /// Forgets all, and gives the memory back.
    pub fn clear(&mut self) {
        *self = Self::new(self.half * 2);
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    #[test]
    fn the_weight_is_bounded_and_what_is_used_stays() {
        let mut map = Generations::new(100);
        map.insert(key(0), 0, 1);
        for number in 1..1000 {
            assert_eq!(map.get(&key(0)), Some(&0), "forgotten after {number} others");
            map.insert(key(number), number, 1);
            assert!(map.len() <= 100);
        }
        assert_eq!(map.get(&key(999)), Some(&999));
        assert_eq!(map.get(&key(1)), None);
        map.clear();
        assert!(map.is_empty() && map.get(&key(0)).is_none());
    }

    #[test]
    fn replaced_and_removed_ones_weigh_nothing() {
        let mut map = Generations::new(20);
        map.insert(key(0), 0, 5);
        for number in 1..100 {
            map.insert(key(1), number, 5);
            map.insert(key(2), number, 5);
            map.remove(&key(2));
        }
        assert_eq!(map.len(), 2);
        assert_eq!((map.get(&key(0)).copied(), map.get(&key(1)).copied()), (Some(0), Some(99)));
        // One that is too heavy is kept, alone in its generation.
        map.insert(key(3), 3, 1000);
        assert_eq!(map.get(&key(3)), Some(&3));
        map.insert(key(4), 4, 1);
        map.insert(key(5), 5, 10);
        assert_eq!(map.get(&key(3)), None);
    }
}
