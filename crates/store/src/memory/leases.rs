//! What running work uses, counted.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use kukri_tree::TreeId;

use super::lock;

/// Counts of users.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    trees: HashMap<TreeId, usize>,
    layers: HashMap<u64, usize>,
    volumes: HashMap<i64, usize>,
}

/// One use of some things; ends when dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    leases: Arc<Leases>,
    trees: Vec<TreeId>,
    layers: Vec<u64>,
    volume: Option<i64>,
}

impl Leases {
    pub(crate) fn trees(self: &Arc<Self>, trees: Vec<TreeId>, layers: Vec<u64>) -> Guard {
        let mut state = lock(&self.state);
        trees.iter().for_each(|tree| *state.trees.entry(*tree).or_default() += 1);
        layers.iter().for_each(|layer| *state.layers.entry(*layer).or_default() += 1);
        Guard { leases: Arc::clone(self), trees, layers, volume: None }
    }

    pub(crate) fn volume(self: &Arc<Self>, id: i64) -> Guard {
        *lock(&self.state).volumes.entry(id).or_default() += 1;
        Guard { leases: Arc::clone(self), trees: Vec::new(), layers: Vec::new(), volume: Some(id) }
    }

    pub(crate) fn leased_trees(&self) -> Vec<TreeId> {
        lock(&self.state).trees.keys().copied().collect()
    }

    pub(crate) fn leased_layers(&self) -> Vec<u64> {
        lock(&self.state).layers.keys().copied().collect()
    }

    pub(crate) fn has_layer(&self, id: u64) -> bool {
        lock(&self.state).layers.contains_key(&id)
    }

    pub(crate) fn has_volume(&self, id: i64) -> bool {
        lock(&self.state).volumes.contains_key(&id)
    }
}

fn release<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = lock(&self.leases.state);
        self.trees.iter().for_each(|tree| release(&mut state.trees, tree));
        self.layers.iter().for_each(|layer| release(&mut state.layers, layer));
        if let Some(id) = &self.volume {
            release(&mut state.volumes, id);
        }
    }
}
