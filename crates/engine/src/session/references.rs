//! What references with a digest mean: that never changes, so the store keeps it, and no registry is asked again.

use std::sync::Arc;
use std::time::SystemTime;

use kukri_model::{Digest, Encoder, Platform};
use kukri_oci::{ImageConfig, Reference, Resolved};
use kukri_store::{ResultRecord, Store};
use serde::{Deserialize, Serialize};

/// As the store keeps it. Manifest and configuration are kept as they came.
#[derive(Serialize, Deserialize)]
struct Kept {
    digest: String,
    manifest_digest: String,
    manifest: String,
    config: String,
}

/// Only the repository and the digest count, not a tag beside it.
fn key(reference: &Reference, platform: &Platform) -> Option<Digest> {
    let digest = reference.digest()?.to_string();
    let text = reference.to_string();
    let name = text.split('@').next().unwrap_or_default();
    let end = name.rfind('/').and_then(|slash| name[slash..].find(':').map(|colon| slash + colon));
    let repository = &name[..end.unwrap_or(name.len())];
    let mut key = Encoder::new("kukri.reference.v1");
    Some(key.str(repository).str(&digest).str(&platform.to_string()).finish())
}

/// What was found out before.
pub fn recall(store: &Store, reference: &Reference, platform: &Platform) -> Option<Resolved> {
    let bytes = store.get_result(&key(reference, platform)?).ok()??;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    Some(Resolved {
        reference: reference.clone(),
        platform: platform.clone(),
        digest: kept.digest.parse().ok()?,
        manifest_digest: kept.manifest_digest.parse().ok()?,
        manifest: serde_json::from_str(&kept.manifest).ok()?,
        config: ImageConfig::from_json(kept.config.as_bytes()).ok()?,
        manifest_bytes: kept.manifest.into(),
        config_bytes: kept.config.into(),
    })
}

/// Keeps what was found out, unless that is known.
pub fn keep(store: &Store, resolved: &Arc<Resolved>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let Some(key) = key(&resolved.pinned(), &resolved.platform) else { return };
    // To read is much cheaper than to write, and tags are resolved in each session.
    if store.get_result(&key).is_ok_and(|known| known.is_some()) {
        return;
    }
    let (Some(manifest), Some(config)) = (text(&resolved.manifest_bytes), text(&resolved.config_bytes))
    else {
        return;
    };
    let kept = Kept {
        digest: resolved.digest.to_string(),
        manifest_digest: resolved.manifest_digest.to_string(),
        manifest,
        config,
    };
    let Ok(value) = serde_json::to_vec(&kept) else { return };
    let record = ResultRecord {
        value,
        roots: Vec::new(),
        label: String::new(),
        slot: key,
        inputs: Vec::new(),
        cost_ms: 0,
        created: SystemTime::now(),
    };
    if let Err(error) = store.put_result(&key, record) {
        tracing::warn!(%error, "what a reference means cannot be kept");
    }
}
