//! The store as the solver's memory of results.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use kukri_model::{Digest, Encoder};
use kukri_solver::{
    ContentKey, Earlier, EarlierRun, Failure, Lookup, Recipe, Record, Remembered, ResultCache,
};
use kukri_store::{ResultRecord, Store};
use serde::{Deserialize, Serialize};

use super::{codec, nearest};
use crate::vertex::VertexValue;

/// Results by content key, and recipes that lead to content keys.
pub struct StoreCache(pub Store);

/// A recipe leads to a content key; both are records of the store.
#[derive(Serialize, Deserialize)]
struct Link {
    key: Digest,
}

fn link_key(definition: &Digest) -> Digest {
    Encoder::new("kukri.definition.v1").digest(definition).finish()
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// The record of a recipe that leads to a content key.
///
/// `took` is what the run took, so that it need not be looked up. `command` is that of an exec and where it ran:
/// [`nearest::alike`] finds the result by them.
fn link_record(
    definition: &Digest,
    key: &Digest,
    took: Duration,
    command: Option<(&str, Digest)>,
) -> Option<(Digest, ResultRecord)> {
    let record = ResultRecord {
        value: serde_json::to_vec(&Link { key: *key }).ok()?,
        roots: Vec::new(),
        label: String::new(),
        slot: command.map_or(*definition, |(_, place)| place),
        inputs: command.into_iter().map(|(label, _)| (label.to_owned(), *key)).collect(),
        cost_ms: milliseconds(took),
        created: SystemTime::now(),
    };
    Some((link_key(definition), record))
}

/// The keys under which the first and the latest failure with a content key are kept, and how each is found by its command;
/// never looked up as results.
fn failure_keys(key: &Digest, latest: bool) -> (Digest, Digest) {
    let under = |what: &str| Encoder::new(what).digest(key).bool(latest).finish();
    (under("kukri.failure.v1"), under("kukri.failure.place.v1"))
}

/// How long the runs took together to whose results these recipes lead, as far as they are known.
pub fn took(store: &Store, definitions: &[Digest]) -> Duration {
    let links: Vec<Digest> = definitions.iter().map(link_key).collect();
    let Ok(links) = store.peek_results(&links) else { return Duration::ZERO };
    let key = |(value, took): (Vec<u8>, u64)| Some((serde_json::from_slice::<Link>(&value).ok()?.key, took));
    // Two recipes may lead to one run.
    let runs: BTreeMap<Digest, u64> = links.into_iter().flatten().filter_map(key).collect();
    // Links of earlier versions do not say it.
    let unknown: Vec<Digest> = runs.iter().filter(|(_, took)| **took == 0).map(|(key, _)| *key).collect();
    let looked_up = store.peek_results(&unknown).unwrap_or_default();
    let unknown = looked_up.into_iter().flatten().map(|(_, took)| took);
    Duration::from_millis(runs.into_values().chain(unknown).sum())
}

impl ResultCache<VertexValue> for StoreCache {
    fn by_definition(&self, definition: &Digest) -> Lookup<VertexValue> {
        let link = match self.0.get_result(&link_key(definition)) {
            Ok(Some(bytes)) => serde_json::from_slice::<Link>(&bytes).ok(),
            _ => None,
        };
        match link {
            Some(link) => match self.by_key(&link.key) {
                Lookup::Miss => Lookup::Evicted,
                found => found,
            },
            None => Lookup::Miss,
        }
    }

    fn by_key(&self, key: &Digest) -> Lookup<VertexValue> {
        match self.0.get_result(key) {
            Ok(Some(bytes)) => match codec::decode(&bytes) {
                // The store gives no result whose trees or contents are gone.
                Some((value, run)) => Lookup::Hit { value, run: EarlierRun { key: Some(*key), ..run } },
                None => Lookup::Miss,
            },
            Ok(None) => Lookup::Miss,
            Err(error) => {
                tracing::warn!(%error, "a result cannot be read; its operation runs again");
                Lookup::Miss
            }
        }
    }

    fn remind(&self, remembered: &[Remembered<VertexValue>], wait: bool) -> Option<u64> {
        let mut keys = Vec::with_capacity(2 * remembered.len());
        let mut roots = Vec::with_capacity(4 * remembered.len());
        for Remembered { recipe, key, value } in remembered {
            match recipe {
                // Else the result would be the first to go, and the link would lead nowhere.
                Recipe::Definition(definition) => {
                    keys.extend(key.iter().copied().chain([link_key(definition)]))
                }
                Recipe::Key(key) => keys.push(*key),
            }
            roots.extend(codec::roots(value));
        }
        self.0.remind(&keys, &roots, wait)
    }

    fn nearest(&self, key: &ContentKey, label: &str) -> Vec<Earlier> {
        let same = self.0.nearest(&key.slot, &key.parts, nearest::RUNS).unwrap_or_default();
        nearest::earlier(&self.0, &same, &key.parts, label, |run| run.key != key.digest)
    }

    fn store(&self, record: Record<'_, VertexValue>) {
        let kept = ResultRecord {
            value: codec::encode(record.value, record.duration),
            roots: codec::roots(record.value),
            label: record.label.to_owned(),
            slot: record.key.slot,
            inputs: record.key.parts.clone(),
            cost_ms: milliseconds(record.duration),
            created: SystemTime::now(),
        };
        let mut records = vec![(record.key.digest, kept)];
        records.extend(record.definition.and_then(|definition| {
            let place = nearest::place(&record.key.parts);
            link_record(
                &definition,
                &record.key.digest,
                record.duration,
                place.map(|place| (record.label, place)),
            )
        }));
        if let Err(error) = self.0.put_results(records) {
            tracing::warn!(%error, label = record.label, "a result cannot be kept");
        }
    }

    fn fail(&self, failure: Failure<'_>) {
        let ContentKey { digest, slot, parts } = failure.key;
        if parts.is_empty() {
            // Nothing to compare.
            return;
        }
        // The first one stays, so that the latest has something to be compared with later on.
        let latest = self.0.result_summary(&failure_keys(digest, false).0).is_ok_and(|first| first.is_some());
        let (key, by_command) = failure_keys(digest, latest);
        let record = ResultRecord {
            value: Vec::new(),
            roots: Vec::new(),
            label: failure.label.to_owned(),
            slot: *slot,
            inputs: parts.clone(),
            cost_ms: milliseconds(failure.duration),
            created: SystemTime::now(),
        };
        let link = nearest::place(parts).map(|place| {
            let inputs = vec![(failure.label.to_owned(), key)];
            (by_command, ResultRecord { label: String::new(), slot: place, inputs, ..record.clone() })
        });
        let records: Vec<_> = [(key, record)].into_iter().chain(link).collect();
        if let Err(error) = self.0.put_failures(&records) {
            tracing::warn!(%error, label = failure.label, "nothing is kept of a run that failed");
        }
    }

    fn link(&self, definition: &Digest, key: &Digest, run: EarlierRun) {
        let records = link_record(definition, key, run.took, None).into_iter().collect();
        if let Err(error) = self.0.put_results(records) {
            tracing::warn!(%error, "a result cannot be linked");
        }
    }
}

#[cfg(test)]
mod tests {
    use kukri_store::{PruneOptions, Spare, StoreConfig};
    use kukri_tree::{Entry, EntryKind, Meta, Node};

    use super::*;

    /// A failure is found to compare with, by its step and by a command like it, and is never a result.
    #[test]
    fn a_failure_explains_and_is_no_result() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(dir.path().join("store"))).unwrap();
        let cache = StoreCache(store.clone());
        let key = |args: &str, source: &str| {
            let part = |name: &str, value: &str| (name.to_owned(), Digest::of(value.as_bytes()));
            let parts = vec![
                part("command", args),
                part(crate::vertex::exec::ROOT_PART, "root"),
                part("mount", source),
            ];
            let digest = Digest::of(format!("{args} {source}").as_bytes());
            ContentKey { digest, slot: Digest::of(args.as_bytes()), parts }
        };
        let fail = |key: &ContentKey| {
            cache.fail(Failure { key, label: "pytest -q", duration: Duration::from_secs(3) });
        };
        let first = key("pytest -q", "1");
        assert_eq!(cache.nearest(&first, "pytest -q"), []);
        fail(&first);
        let earlier = |key: &ContentKey, label| cache.nearest(key, label);
        let same = Earlier { parts: first.parts.clone(), other: None, failed: true };
        assert_eq!(earlier(&key("pytest -q", "2"), "pytest -q"), std::slice::from_ref(&same));
        let other = Some("pytest -q".to_owned());
        assert_eq!(earlier(&key("pytest -q -x", "1"), "pytest -q -x"), [Earlier { other, ..same }]);
        let (by_key, place) = failure_keys(&first.digest, false);
        for digest in [first.digest, by_key, place] {
            assert!(matches!(cache.by_key(&digest), Lookup::Miss));
            assert!(matches!(cache.by_definition(&digest), Lookup::Miss));
        }
        // However often it fails: the first time and the latest, to be compared with each other.
        for _ in 0..3 {
            fail(&first);
        }
        assert_eq!(store.nearest(&first.slot, &[], 16).unwrap().len(), 2);
        // What has no parts explains nothing.
        let bare = ContentKey { parts: Vec::new(), ..key("edit", "1") };
        fail(&bare);
        assert_eq!(store.nearest(&bare.slot, &[], 16).unwrap(), []);
    }

    /// Between the moment in which a collection deletes something and the one in which the engine hears of it, nothing of
    /// that is given out of the solver's memory.
    #[test]
    fn what_is_remembered_is_kept_or_known_to_be_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(dir.path().join("store"))).unwrap();
        let cache = StoreCache(store.clone());
        let mut node = Node::empty();
        let kind = EntryKind::Symlink { meta: Meta::new(0o777), target: b"nowhere"[..].into() };
        node.set(Entry { name: b"a"[..].into(), kind });
        let (tree, bytes) = node.seal();
        store.put_nodes(vec![(tree.stored, bytes)]).unwrap();
        let (definition, digest) = (Digest::of(b"definition"), Digest::of(b"key"));
        let key = ContentKey { digest, slot: digest, parts: Vec::new() };
        let value = VertexValue::Tree(tree);
        cache.store(Record {
            definition: Some(definition),
            key: &key,
            label: "made",
            value: &value,
            duration: Duration::ZERO,
        });
        for recipe in [Recipe::Definition(definition), Recipe::Key(digest)] {
            let remembered = [Remembered { recipe, key: Some(digest), value: value.clone() }];
            std::thread::sleep(Duration::from_millis(5));
            let began = std::time::Instant::now();
            let known = cache.remind(&remembered, false).unwrap();
            let everything = PruneOptions { all: true, ..PruneOptions::default() };
            store.prune(&PruneOptions { spare: Spare::Since(began), ..everything.clone() }).unwrap();
            assert_eq!(cache.remind(&remembered, false), Some(known), "it was touched, so it is there");
            assert!(matches!(cache.by_key(&digest), Lookup::Hit { .. }));
            if recipe == Recipe::Key(digest) {
                store.prune(&PruneOptions { spare: Spare::Nothing, ..everything }).unwrap();
                assert!(cache.remind(&remembered, false).unwrap() > known);
                assert!(matches!(cache.by_key(&digest), Lookup::Miss));
            }
        }
    }
}
