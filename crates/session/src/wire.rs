//! Kinds of requests the engine sends, and the JSON bodies of their messages. New fields must have defaults.

use serde::{Deserialize, Serialize};

use kukri_model::Digest;
use kukri_tree::TreeId;

pub(crate) const SYNC: &str = "sync";
pub(crate) const EXPORT_TREE: &str = "export-tree";
pub(crate) const EXPORT_FILE: &str = "export-file";
pub(crate) const KEEP_FILE: &str = "keep-file";
pub(crate) const LOAD_IMAGE: &str = "load-image";
pub(crate) const SAVE_IMAGE: &str = "save-image";
pub(crate) const READ_SECRET: &str = "read-secret";
pub(crate) const FIND_UP: &str = "find-up";
pub(crate) const STAT: &str = "stat";
pub(crate) const TELEMETRY: &str = "telemetry";

/// A tree's two digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireTree {
    pub(crate) stored: Digest,
    pub(crate) content: Digest,
}

impl From<TreeId> for WireTree {
    fn from(id: TreeId) -> Self {
        Self { stored: id.stored, content: id.content }
    }
}

impl From<WireTree> for TreeId {
    fn from(id: WireTree) -> Self {
        Self { stored: id.stored, content: id.content }
    }
}

/// Request `sync`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SyncBody {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) include: Vec<String>,
    #[serde(default)]
    pub(crate) exclude: Vec<String>,
    #[serde(default)]
    pub(crate) gitignore: bool,
    #[serde(default)]
    pub(crate) single_file: bool,
}

/// Client to engine, within `sync`. Digests lie in the payload, 32 bytes each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum SyncUp {
    /// Contents read just now and still in the client's memory: digests. Answered with `wanted`.
    Offer,
    /// Contents: a stream of records, cut anywhere.
    Blobs,
    /// Everything was walked: the root, and how many files it has; 0 if that is not told.
    Root {
        id: WireTree,
        #[serde(default)]
        files: u64,
    },
    /// Instead of contents that were asked for: a file has changed; everything is walked anew, with offers and a root.
    Restart,
    /// Nodes that were asked for: records as in `blobs`.
    Nodes {
        #[serde(default)]
        last: bool,
    },
    /// Contents that were asked for with `want-blobs` are all sent.
    BlobsSent,
}

/// Engine to client, within `sync`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum SyncDown {
    /// Answer to an offer: a byte per digest, 1 for "send it".
    Wanted,
    /// Asks for nodes: their stored digests.
    WantNodes,
    /// Asks for contents: their digests.
    WantBlobs,
    /// Everything is there.
    Done,
}

/// Request `export-tree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportBody {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) wipe: bool,
    #[serde(default)]
    pub(crate) remove: Vec<String>,
    pub(crate) root: WireTree,
}

/// Client to engine, within `export-tree`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum ExportUp {
    /// Asks for nodes: stored digests in the payload.
    WantNodes,
    /// Asks for contents: digests and lengths in the payload. They are sent in this order. How much will be asked for
    /// after that; 0 if that is not told.
    WantBlobs {
        #[serde(default)]
        later_files: u64,
        #[serde(default)]
        later_bytes: u64,
    },
}

/// Engine to client, within `export-tree`, `export-file`, `load-image` and `telemetry`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum ExportDown {
    /// Records of digest, length, bytes.
    Nodes {
        #[serde(default)]
        last: bool,
    },
    /// Contents: a stream of records, cut anywhere.
    Blobs,
    /// A part of the file.
    Part {
        #[serde(default)]
        last: bool,
    },
}

/// Request `export-file`; the content follows in `part` messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportFileBody {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) allow_parent_dir: bool,
    pub(crate) name: String,
    pub(crate) mode: u32,
    #[serde(default)]
    pub(crate) mtime_ns: Option<i64>,
}

/// Request `keep-file`, before `export-file`: whether the file lies there already. Then it gets its mode, and nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeepFileBody {
    pub(crate) file: ExportFileBody,
    pub(crate) blob: Digest,
    pub(crate) size: u64,
}

/// Result of `keep-file`: the path, if nothing is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default)]
    pub(crate) path: Option<String>,
}

/// Result of `export-tree` and `export-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exported {
    pub(crate) path: String,
}

/// Request `load-image`; the archive follows in `part` messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadImageBody {
    /// For messages; the archive has it too.
    pub(crate) name: String,
}

/// Result of `load-image`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoadedImage {
    pub(crate) program: String,
}

/// Request `save-image`. The client tells where the archive is with a `SavedImage`, and removes it when the call is taken
/// back or another message comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SaveImageBody {
    /// Its name in the container engine of the client's machine.
    pub(crate) name: String,
}

/// Client to engine, within `save-image`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedImage {
    /// Absolute.
    pub(crate) path: String,
}

/// Request `read-secret`. The value is the payload of the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecretBody {
    pub(crate) uri: String,
}

/// Request `find-up`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FindUpBody {
    pub(crate) name: String,
}

/// Result of `find-up`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FoundUp {
    pub(crate) path: Option<String>,
}

/// Request `telemetry`, only sent to clients whose hello says that they want some; the body follows in `part` messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TelemetryBody {
    pub(crate) signal: String,
    pub(crate) content_type: String,
    #[serde(default)]
    pub(crate) encoding: String,
}

/// Request `stat`; the result is an optional `HostStat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatBody {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) follow: bool,
}
