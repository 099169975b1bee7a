//! What the store knows of layers: trees by what they are made of, compressed layers by their digest.
//!
//! A tree is found by the chain of *uncompressed* digests that leads to it, each of which was computed here: a forged
//! configuration cannot put a foreign tree under the chain of another image.

use std::time::{Duration, SystemTime};

use kukri_model::{Digest, Encoder};
use kukri_store::{ResultRecord, Root, Store, StoreError};
use kukri_tree::{Equality, TreeId};

use crate::digest::Sha256Digest;
use crate::layer_out::Compression;

/// A layer that was made here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Made {
    pub(crate) digest: Sha256Digest,
    pub(crate) size: u64,
    pub(crate) diff_id: Sha256Digest,
    pub(crate) blob: Digest,
}

/// The chain ids of layers: each stands for a layer on all the layers below it.
pub(crate) fn chain_ids(diff_ids: &[Sha256Digest]) -> Vec<Sha256Digest> {
    let mut chain: Vec<Sha256Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        chain.push(match chain.last() {
            Some(below) => Sha256Digest::of(format!("{below} {diff_id}").as_bytes()),
            None => *diff_id,
        });
    }
    chain
}

fn tree_key(chain: &Sha256Digest) -> Digest {
    Encoder::new("oci.layer.v1").bytes(chain.as_bytes()).finish()
}

fn blob_key(digest: &Sha256Digest) -> Digest {
    Encoder::new("oci.blob.v1").bytes(digest.as_bytes()).finish()
}

/// The tree of a chain, if it is still there.
pub(crate) fn tree(store: &Store, chain: &Sha256Digest) -> Result<Option<TreeId>, StoreError> {
    let Some(value) = store.get_result(&tree_key(chain))? else { return Ok(None) };
    let Some((stored, content)) = value.split_at_checked(Digest::LEN) else { return Ok(None) };
    let (Some(stored), Some(content)) = (Digest::from_slice(stored), Digest::from_slice(content)) else {
        return Ok(None);
    };
    Ok(store.has_nodes(&[stored])?.contains(&true).then_some(TreeId { stored, content }))
}

/// The key of a layer that leads from one tree to another. It has times in it, so they count in any case.
pub(crate) fn made_key(
    base: Option<&TreeId>,
    tree: &TreeId,
    equality: Equality,
    compression: Compression,
) -> Digest {
    let mut key = Encoder::new("oci.made.v1");
    match base {
        Some(base) => key.digest(&base.stored),
        None => key.none(),
    };
    key.digest(&tree.stored).str(&format!("{equality:?} {compression:?}")).finish()
}

/// The layer of a key, if it was made before and is still there.
pub(crate) fn made(store: &Store, key: &Digest) -> Result<Option<Made>, StoreError> {
    let Some(value) = store.get_result(key)? else { return Ok(None) };
    let Some(made) = Made::from_bytes(&value) else { return Ok(None) };
    Ok(store.has_blobs(&[made.blob])?.contains(&true).then_some(made))
}

/// Remembers that `made` is the layer of a key.
pub(crate) fn remember_made(
    store: &Store,
    key: &Digest,
    made: &Made,
    cost: Duration,
) -> Result<(), StoreError> {
    let label = format!("layer {}", made.digest);
    let record = record(made.to_bytes(), Root::Blob(made.blob), label, "oci.made", cost);
    store.put_result(key, record)
}

impl Made {
    fn to_bytes(self) -> Vec<u8> {
        let parts: [&[u8]; 4] =
            [self.digest.as_bytes(), &self.size.to_le_bytes(), self.diff_id.as_bytes(), self.blob.as_bytes()];
        parts.concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (digest, rest) = bytes.split_first_chunk::<32>()?;
        let (size, rest) = rest.split_first_chunk::<8>()?;
        let (diff_id, blob) = rest.split_first_chunk::<32>()?;
        Some(Self {
            digest: Sha256Digest::from_bytes(*digest),
            size: u64::from_le_bytes(*size),
            diff_id: Sha256Digest::from_bytes(*diff_id),
            blob: Digest::from_slice(blob)?,
        })
    }
}

/// The compressed layer, if it is still there.
pub(crate) fn blob(store: &Store, digest: &Sha256Digest) -> Result<Option<Digest>, StoreError> {
    let Some(value) = store.get_result(&blob_key(digest))? else { return Ok(None) };
    let Some(blob) = Digest::from_slice(&value) else { return Ok(None) };
    Ok(store.has_blobs(&[blob])?.contains(&true).then_some(blob))
}

/// Remembers that `chain` unpacks to `tree`.
pub(crate) fn remember_tree(
    store: &Store,
    chain: &Sha256Digest,
    tree: &TreeId,
    cost: Duration,
) -> Result<(), StoreError> {
    let value = [tree.stored.as_bytes().as_slice(), tree.content.as_bytes()].concat();
    let label = format!("layer {chain}");
    store.put_result(&tree_key(chain), record(value, Root::Tree(*tree), label, "oci.layer", cost))
}

/// Remembers that `blob` is the compressed layer `digest`.
pub(crate) fn remember_blob(
    store: &Store,
    digest: &Sha256Digest,
    blob: &Digest,
    cost: Duration,
) -> Result<(), StoreError> {
    let label = format!("compressed layer {digest}");
    store.put_result(
        &blob_key(digest),
        record(blob.as_bytes().to_vec(), Root::Blob(*blob), label, "oci.blob", cost),
    )
}

fn record(value: Vec<u8>, root: Root, label: String, slot: &str, cost: Duration) -> ResultRecord {
    ResultRecord {
        value,
        roots: vec![root],
        label,
        slot: Encoder::new(slot).finish(),
        inputs: Vec::new(),
        cost_ms: cost.as_millis().try_into().unwrap_or(u64::MAX),
        created: SystemTime::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_layers_are_read_as_written() {
        let made = Made {
            digest: Sha256Digest::of(b"a"),
            size: 7,
            diff_id: Sha256Digest::of(b"b"),
            blob: Digest::of(b"c"),
        };
        let bytes = made.to_bytes();
        assert_eq!(Made::from_bytes(&bytes), Some(made));
        assert_eq!(Made::from_bytes(&bytes[1..]), None);
    }

    #[test]
    fn chains() {
        let [a, b] = [Sha256Digest::of(b"a"), Sha256Digest::of(b"b")];
        let chain = chain_ids(&[a, b, a]);
        assert_eq!(chain[0], a);
        assert_eq!(chain[1], Sha256Digest::of(format!("{a} {b}").as_bytes()));
        assert_ne!(chain[2], chain[0], "the same layer on another base is another tree");
    }
}
