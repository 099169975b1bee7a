//! Values of vertices as bytes. Fields that are added later must have defaults; what cannot be read is a miss.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kukri_model::{Digest, Platform};
use kukri_oci::{ImageConfig, LayerInfo};
use kukri_solver::EarlierRun;
use kukri_store::Root;
use kukri_tree::TreeId;
use serde::{Deserialize, Serialize};

use crate::vertex::{BlobRef, ExecOutput, ImageOutput, VertexValue};

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Milliseconds since 1970.
    created_ms: u64,
    /// How long the run took, in milliseconds.
    #[serde(default)]
    took_ms: u64,
    #[serde(flatten)]
    value: KeptValue,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum KeptValue {
    Tree {
        tree: KeptTree,
    },
    Exec {
        rootfs: KeptTree,
        mounts: Vec<KeptTree>,
        stdout: BlobRef,
        stderr: BlobRef,
        combined: BlobRef,
        exit_code: i32,
    },
    Image {
        tree: KeptTree,
        config: String,
        platform: String,
        layers: Vec<KeptLayer>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        annotations: BTreeMap<String, String>,
    },
}

#[derive(Serialize, Deserialize)]
struct KeptTree {
    stored: Digest,
    content: Digest,
}

impl From<TreeId> for KeptTree {
    fn from(tree: TreeId) -> Self {
        Self { stored: tree.stored, content: tree.content }
    }
}

impl From<KeptTree> for TreeId {
    fn from(tree: KeptTree) -> Self {
        Self { stored: tree.stored, content: tree.content }
    }
}

#[derive(Serialize, Deserialize)]
struct KeptLayer {
    media_type: String,
    digest: String,
    size: u64,
    diff_id: String,
    blob: Digest,
    tree: KeptTree,
}

/// As bytes, with how long it took to get it.
pub fn encode(value: &VertexValue, took: Duration) -> Vec<u8> {
    let kept = match value {
        VertexValue::Tree(tree) => KeptValue::Tree { tree: (*tree).into() },
        VertexValue::Exec(exec) => KeptValue::Exec {
            rootfs: exec.rootfs.into(),
            mounts: exec.mounts.iter().map(|tree| (*tree).into()).collect(),
            stdout: exec.stdout,
            stderr: exec.stderr,
            combined: exec.combined,
            exit_code: exec.exit_code,
        },
        VertexValue::Image(image) => KeptValue::Image {
            tree: image.tree.into(),
            config: String::from_utf8_lossy(&image.config.to_json()).into_owned(),
            platform: image.platform.to_string(),
            layers: image.layers.iter().map(keep_layer).collect(),
            annotations: image.annotations.clone(),
        },
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let created_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    serde_json::to_vec(&Kept { created_ms, took_ms, value: kept }).unwrap_or_default()
}

fn keep_layer(layer: &LayerInfo) -> KeptLayer {
    KeptLayer {
        media_type: layer.media_type.clone(),
        digest: layer.digest.to_string(),
        size: layer.size,
        diff_id: layer.diff_id.to_string(),
        blob: layer.blob,
        tree: layer.tree.into(),
    }
}

/// From bytes, with the run that it comes from.
pub fn decode(bytes: &[u8]) -> Option<(VertexValue, EarlierRun)> {
    let kept: Kept = serde_json::from_slice(bytes).ok()?;
    let value = match kept.value {
        KeptValue::Tree { tree } => VertexValue::Tree(tree.into()),
        KeptValue::Exec { rootfs, mounts, stdout, stderr, combined, exit_code } => {
            VertexValue::Exec(Arc::new(ExecOutput {
                rootfs: rootfs.into(),
                mounts: mounts.into_iter().map(Into::into).collect(),
                stdout,
                stderr,
                combined,
                exit_code,
            }))
        }
        KeptValue::Image { tree, config, platform, layers, annotations } => {
            VertexValue::Image(Arc::new(ImageOutput {
                tree: tree.into(),
                config: ImageConfig::from_json(config.as_bytes()).ok()?,
                platform: platform.parse::<Platform>().ok()?,
                layers: layers.into_iter().map(layer).collect::<Option<_>>()?,
                annotations,
            }))
        }
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let age = now.saturating_sub(Duration::from_millis(kept.created_ms));
    Some((value, EarlierRun { age, took: Duration::from_millis(kept.took_ms), key: None }))
}

fn layer(kept: KeptLayer) -> Option<LayerInfo> {
    Some(LayerInfo {
        media_type: kept.media_type,
        digest: kept.digest.parse().ok()?,
        size: kept.size,
        diff_id: kept.diff_id.parse().ok()?,
        blob: kept.blob,
        tree: kept.tree.into(),
    })
}

/// What a value keeps alive in the store.
pub fn roots(value: &VertexValue) -> Vec<Root> {
    match value {
        VertexValue::Tree(tree) => vec![Root::Tree(*tree)],
        VertexValue::Exec(exec) => std::iter::once(exec.rootfs)
            .chain(exec.mounts.iter().copied())
            .map(Root::Tree)
            .chain([exec.stdout, exec.stderr, exec.combined].map(|blob| Root::Blob(blob.digest)))
            .collect(),
        VertexValue::Image(image) => std::iter::once(Root::Tree(image.tree))
            .chain(image.layers.iter().map(|layer| Root::Blob(layer.blob)))
            .collect(),
    }
}
