//! A client and an engine, with a directory to work in.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kukri_session::client::{Client, ConnectConfig, connect};
use kukri_session::engine::{SessionHandle, SyncRequest};
use kukri_session::{ClientHello, EngineHello, SessionError};
use kukri_tree::TreeId;

use super::store::Store;
use super::{ToyEngine, toy_engine};

pub struct Setup {
    pub dir: tempfile::TempDir,
    pub session: SessionHandle,
    pub store: Arc<Store>,
    _engine: ToyEngine,
    _client: Client,
}

/// Workdir is `work`, home is its parent.
pub async fn setup() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("run/engine.sock");
    fs::create_dir(dir.path().join("work")).unwrap();
    let mut engine = toy_engine(&socket, EngineHello::new("")).await;
    let client = connect(ConnectConfig {
        socket,
        hello: ClientHello::new("c", "s", dir.path().join("work").to_str().unwrap()),
        workdir: dir.path().join("work"),
        home: Some(dir.path().to_owned()),
        cache_dir: Some(dir.path().join("cache")),
        env: HashMap::new(),
        host_access: true,
        timeout: Duration::from_secs(10),
        telemetry: None,
    })
    .await
    .unwrap();
    let session = engine.session("s").await;
    Setup { dir, session, store: Arc::default(), _engine: engine, _client: client }
}

impl Setup {
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("work").join(path)
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub async fn try_sync(&self, request: SyncRequest) -> Result<TreeId, SessionError> {
        let sync = self.session.sync_directory(request, Arc::clone(&self.store) as Arc<_>);
        tokio::time::timeout(Duration::from_secs(60), sync).await.expect("the sync hangs")
    }

    pub async fn sync(&self, path: &str) -> TreeId {
        self.try_sync(SyncRequest { path: path.into(), ..SyncRequest::default() }).await.unwrap()
    }
}
