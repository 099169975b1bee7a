//! What the engine can ask of a client.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use kukri_tree::TreeId;
use serde::{Deserialize, Serialize};

use super::{ExportFileRequest, ExportRequest, SyncRequest, SyncSink, TreeSource};
use crate::{ClientHello, SessionError};

/// What a path of the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostStatKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link (only when links are not followed).
    Symlink,
    /// A unix socket.
    Socket,
    /// Something else.
    #[serde(other)]
    Other,
}

/// Facts about a path of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStat {
    /// Absolute path, as it was resolved against workdir and home.
    pub path: String,
    /// What it is.
    pub kind: HostStatKind,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

/// One client's session, to ask with. Cheap to clone. Dropping a running request takes it back.
#[derive(Clone)]
pub struct SessionHandle {}

impl SessionHandle {
    /// What the client said of itself.
    #[must_use]
    pub fn hello(&self) -> &ClientHello {
        unimplemented!()
    }

    /// Takes over a directory (or one file) of the client. Returns when everything is in the sink.
    pub async fn sync_directory(&self, _request: SyncRequest, _sink: Arc<dyn SyncSink>) -> Result<TreeId, SessionError> {
        unimplemented!()
    }

    /// Writes a tree on the client's machine, only what differs. Returns the absolute path.
    pub async fn export_tree(
        &self,
        _request: ExportRequest,
        _tree: TreeId,
        _source: Arc<dyn TreeSource>,
    ) -> Result<String, SessionError> {
        unimplemented!()
    }

    /// Writes one file on the client's machine, atomically. Returns the absolute path.
    pub async fn export_file(
        &self,
        _request: ExportFileRequest,
        _content: Box<dyn Read + Send>,
    ) -> Result<String, SessionError> {
        unimplemented!()
    }

    /// The value of a secret: `env://NAME`, `file://PATH`, `cmd://COMMAND`. Never logged.
    pub async fn read_secret(&self, _uri: &str) -> Result<Bytes, SessionError> {
        unimplemented!()
    }

    /// Looks for `name` in the workdir and its parents; the path relative to the workdir, as in `../x`.
    pub async fn find_up(&self, _name: &str) -> Result<Option<String>, SessionError> {
        unimplemented!()
    }

    /// Facts about a path; none if there is nothing.
    pub async fn stat(&self, _path: &str, _follow: bool) -> Result<Option<HostStat>, SessionError> {
        unimplemented!()
    }

    /// Sends a progress event, if the client wants them. Never waits: false when the event was dropped because the
    /// client has gone, wants none, or is too slow (8 MiB are waiting).
    pub fn emit(&self, _event: Bytes) -> bool {
        unimplemented!()
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        unimplemented!()
    }

    /// Returns when the session has ended.
    pub async fn closed(&self) {}
}
