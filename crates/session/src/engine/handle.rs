//! What the engine can ask of a client.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use kukri_model::Digest;
use kukri_tree::TreeId;
use serde::{Deserialize, Serialize};

use super::telemetry::Limits;
use super::{ExportFileRequest, ExportRequest, SyncRequest, SyncSink, TreeSource, export, sync};
use crate::link::{LastWord, Link, Step};
use crate::wire::{
    FIND_UP, FindUpBody, FoundUp, READ_SECRET, SAVE_IMAGE, STAT, SaveImageBody, SavedImage, SecretBody,
    StatBody,
};
use crate::{ClientHello, SessionError};

/// What a path of the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
pub struct SessionHandle {
    pub(super) link: Link,
    pub(super) hello: Arc<ClientHello>,
    pub(super) telemetry: Arc<Limits>,
}

impl SessionHandle {
    pub(super) fn new(link: Link, hello: ClientHello) -> Self {
        Self { link, hello: Arc::new(hello), telemetry: Arc::default() }
    }

    /// What the client said of itself.
    #[must_use]
    pub fn hello(&self) -> &ClientHello {
        &self.hello
    }

    /// Takes over a directory (or one file) of the client. Returns when everything is in the sink.
    pub async fn sync_directory(
        &self,
        request: SyncRequest,
        sink: Arc<dyn SyncSink>,
    ) -> Result<TreeId, SessionError> {
        sync::run(&self.link, request, sink).await
    }

    /// Writes a tree on the client's machine, only what differs. Returns the absolute path.
    pub async fn export_tree(
        &self,
        request: ExportRequest,
        tree: TreeId,
        source: Arc<dyn TreeSource>,
    ) -> Result<String, SessionError> {
        export::tree(&self.link, request, tree, source).await
    }

    /// Looks whether a file with this content (digest and length) is there already; if so, gives it the mode and time of
    /// the request. Returns the absolute path then, and none if [`Self::export_file`] must write it.
    pub async fn keep_file(
        &self,
        request: ExportFileRequest,
        content: (Digest, u64),
    ) -> Result<Option<String>, SessionError> {
        export::keep(&self.link, request, content).await
    }

    /// Writes one file on the client's machine, atomically. Returns the absolute path.
    pub async fn export_file(
        &self,
        request: ExportFileRequest,
        content: Box<dyn Read + Send>,
    ) -> Result<String, SessionError> {
        export::file(&self.link, request, content).await
    }

    /// Puts an image archive into a container engine of the client's machine. Returns by which program.
    pub async fn load_image(
        &self,
        name: String,
        archive: Box<dyn Read + Send>,
    ) -> Result<String, SessionError> {
        export::image(&self.link, name, archive).await
    }

    /// Takes over an image of a container engine of the client's machine: a tree with its archive, `image.tar`. Returns
    /// when everything is in the sink.
    pub async fn save_image(&self, name: String, sink: Arc<dyn SyncSink>) -> Result<TreeId, SessionError> {
        // It lives as long as the archive has to.
        let mut call = self.link.call(SAVE_IMAGE, &SaveImageBody { name })?;
        let Step::Message(message) = call.next().await? else {
            return Err(SessionError::protocol("no place of a saved image"));
        };
        let SavedImage { path } = message.parse()?;
        let request = SyncRequest { path, single_file: true, ..SyncRequest::default() };
        sync::run(&self.link, request, sink).await
    }

    /// The value of a secret: `env://NAME`, `file://PATH`, `cmd://COMMAND`. At most 1 MiB. Never logged.
    pub async fn read_secret(&self, uri: &str) -> Result<Bytes, SessionError> {
        Ok(self.link.ask(READ_SECRET, &SecretBody { uri: uri.to_owned() }).await?.payload)
    }

    /// Looks for `name` in the workdir and its parents; the path relative to the workdir, as in `../x`.
    pub async fn find_up(&self, name: &str) -> Result<Option<String>, SessionError> {
        let found: FoundUp = self.link.ask(FIND_UP, &FindUpBody { name: name.to_owned() }).await?.parse()?;
        Ok(found.path)
    }

    /// Facts about a path; none if there is nothing.
    pub async fn stat(&self, path: &str, follow: bool) -> Result<Option<HostStat>, SessionError> {
        self.link.ask(STAT, &StatBody { path: path.to_owned(), follow }).await?.parse()
    }

    /// Sends a progress event (at most 1 MiB), if the client wants them. Never waits: false when the event was dropped
    /// because the client has gone, wants none, or is too slow (8 MiB are waiting, 6 MiB if it is longer than
    /// 4 KiB).
    pub fn emit(&self, event: Bytes) -> bool {
        self.hello.want_events && self.link.emit(event)
    }

    /// While it is kept, an end of the session in order waits, for some seconds at most: events that are emitted until then
    /// still reach the client. None when very many are kept.
    #[must_use]
    pub fn last_word(&self) -> Option<LastWord> {
        self.link.last_word()
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Returns when the session has ended.
    pub async fn closed(&self) {
        self.link.closed().await;
    }
}
