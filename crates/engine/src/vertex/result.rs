//! What vertices give, and how it is kept in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use kukri_model::{Digest, Platform};
use kukri_oci::image::ImageConfig;
use kukri_oci::pull::LayerInfo;
use kukri_tree::TreeId;
use serde::{Deserialize, Serialize};

/// Content in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// What an exec left.
#[derive(Clone, Debug)]
pub struct ExecOutput {
    /// The root file system.
    pub rootfs: TreeId,
    /// Mounted directories and files, in the order of the exec's mounts that are trees.
    pub mounts: Vec<TreeId>,
    /// Standard output, secrets replaced.
    pub stdout: BlobRef,
    /// Standard error, secrets replaced.
    pub stderr: BlobRef,
    /// Both, in the order in which they came.
    pub combined: BlobRef,
    /// Exit status.
    pub exit_code: i32,
}

/// An image that has been fetched.
#[derive(Clone, Debug)]
pub struct ImageOutput {
    /// The root file system.
    pub tree: TreeId,
    /// The image's configuration.
    pub config: ImageConfig,
    /// What it was built for.
    pub platform: Platform,
    /// Its layers, lowest first.
    pub layers: Vec<LayerInfo>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
}

/// The value of a vertex.
#[derive(Clone, Debug)]
pub enum VertexValue {
    /// A tree.
    Tree(TreeId),
    /// What an exec left.
    Exec(Arc<ExecOutput>),
    /// A fetched image.
    Image(Arc<ImageOutput>),
}
