//! Writing trees and files on the client's machine, from the engine's side.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_tree::TreeId;

use super::StoreFailure;
use crate::SessionError;
use crate::link::Link;

/// Where to write a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportRequest {
    /// Directory: absolute, or relative to the session's workdir, or `~/…`. Made when it does not exist.
    pub path: String,
    /// Delete what the tree does not have. Otherwise the tree is merged into what is there.
    pub wipe: bool,
    /// Paths relative to `path` to delete, whatever they are; missing ones are fine.
    pub remove: Vec<String>,
}

/// Where to write one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFileRequest {
    /// Absolute, or relative to the session's workdir, or `~/…`. Missing parents are made.
    pub path: String,
    /// When `path` is an existing directory, or ends with `/`: write into it under `name`. Otherwise that is an error.
    pub allow_parent_dir: bool,
    /// The file's own base name.
    pub name: String,
    /// Permission bits.
    pub mode: u32,
    /// Modification time, nanoseconds since 1970; none: now.
    pub mtime_ns: Option<i64>,
}

/// Where the nodes and contents of an exported tree come from: the engine's store. Calls block and come from blocking
/// threads.
pub trait TreeSource: Send + Sync + 'static {
    /// The encoded bytes of a node, by `TreeId::stored`.
    fn node(&self, digest: &Digest) -> Result<Bytes, StoreFailure>;
    /// A content, to be read from its beginning.
    fn blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, StoreFailure>;
}

pub(super) async fn tree(
    _link: &Link,
    _request: ExportRequest,
    _tree: TreeId,
    _source: Arc<dyn TreeSource>,
) -> Result<String, SessionError> {
    unimplemented!()
}

pub(super) async fn file(
    _link: &Link,
    _request: ExportFileRequest,
    _content: Box<dyn Read + Send>,
) -> Result<String, SessionError> {
    unimplemented!()
}
