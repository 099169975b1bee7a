//! The store as the solver's memory of results.

use std::time::SystemTime;

use kukri_model::{Digest, Encoder};
use kukri_solver::{Lookup, Record, ResultCache};
use kukri_store::{ResultRecord, Store};
use serde::{Deserialize, Serialize};

use super::codec;
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

/// The record of a recipe that leads to a content key.
fn link_record(definition: &Digest, key: &Digest) -> Option<(Digest, ResultRecord)> {
    let record = ResultRecord {
        value: serde_json::to_vec(&Link { key: *key }).ok()?,
        roots: Vec::new(),
        label: String::new(),
        slot: *definition,
        inputs: Vec::new(),
        cost_ms: 0,
        created: SystemTime::now(),
    };
    Some((link_key(definition), record))
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
                // A result whose tree is gone is none: it was damaged, or collected while this was asked.
                Some((value, run)) if codec::is_complete(&self.0, &value) => Lookup::Hit { value, run },
                Some(_) => Lookup::Evicted,
                None => Lookup::Miss,
            },
            Ok(None) => Lookup::Miss,
            Err(error) => {
                tracing::warn!(%error, "a result cannot be read; its operation runs again");
                Lookup::Miss
            }
        }
    }

    fn nearest(&self, slot: &Digest) -> Vec<Vec<(String, Digest)>> {
        let Ok(found) = self.0.nearest(slot) else { return Vec::new() };
        found.into_iter().map(|summary| summary.inputs).collect()
    }

    fn store(&self, record: Record<'_, VertexValue>) {
        let kept = ResultRecord {
            value: codec::encode(record.value, record.duration),
            roots: codec::roots(record.value),
            label: record.label.to_owned(),
            slot: record.key.slot,
            inputs: record.key.parts.clone(),
            cost_ms: u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
            created: SystemTime::now(),
        };
        let mut records = vec![(record.key.digest, kept)];
        records.extend(record.definition.and_then(|definition| link_record(&definition, &record.key.digest)));
        if let Err(error) = self.0.put_results(records) {
            tracing::warn!(%error, label = record.label, "a result cannot be kept");
        }
    }

    fn link(&self, definition: &Digest, key: &Digest) {
        let records = link_record(definition, key).into_iter().collect();
        if let Err(error) = self.0.put_results(records) {
            tracing::warn!(%error, "a result cannot be linked");
        }
    }
}
