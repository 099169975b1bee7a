//! Files of the client's machine: taken over, and written.

use std::sync::Arc;

use kukri_model::Digest;
use kukri_session::ErrorCode;
use kukri_session::engine::{ExportFileRequest, ExportRequest, SyncRequest};
use kukri_telemetry::SpanKind;
use kukri_tree::TreeId;

use super::Session;
use super::sink::{StoreSink, StoreSource};
use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::transfer::{Meter, Metered};
use crate::vertex::TreeHandle;

/// What of the client's files is wanted.
pub struct HostPath {
    /// Relative to the client's working directory, or absolute.
    pub path: String,
    /// Patterns of what is taken; all if empty.
    pub include: Vec<String>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Leave out what `.gitignore` files say.
    pub gitignore: bool,
    /// Only the file of this name.
    pub only: Option<String>,
}

impl Session {
    /// Takes over a directory, or one file, of the client's machine. Only what the store lacks is sent.
    pub async fn sync_directory(&self, cx: &Cx, wanted: HostPath) -> Result<TreeId, OpError> {
        let client = self.client()?;
        let (path, single_file) = match &wanted.only {
            Some(name) => (format!("{}/{name}", wanted.path.trim_end_matches('/')), true),
            None => (wanted.path, false),
        };
        let span = self.progress().begin(&cx.engine, format!("sync {path}"), SpanKind::Sync, Vec::new());
        let request = SyncRequest {
            path,
            include: wanted.include,
            exclude: wanted.exclude,
            gitignore: wanted.gitignore,
            single_file,
        };
        let meter = Arc::new(Meter::default());
        let sink = Arc::new(StoreSink::new(cx.engine.store(), Arc::clone(&meter)));
        let result = span.watch(&meter, client.sync_directory(request, sink)).await.or_fail();
        if let Ok(tree) = &result {
            span.made(tree);
        }
        span.end(&result);
        result
    }

    /// Writes a tree, the value of `from`, to the client's machine. Gives the absolute path.
    pub async fn export_tree(
        &self,
        cx: &Cx,
        from: TreeHandle,
        tree: TreeId,
        path: String,
        wipe: bool,
    ) -> Result<String, OpError> {
        let client = self.client()?;
        let span = self.progress().begin(
            &cx.engine,
            format!("export directory to {path}"),
            SpanKind::Export,
            vec![from],
        );
        let request = ExportRequest { path, wipe, remove: Vec::new() };
        let meter = Arc::new(Meter::default());
        let source = Arc::new(StoreSource::new(cx.engine.store(), Arc::clone(&meter)));
        let _lease = cx.engine.store().lease(&tree);
        let result = span.watch(&meter, client.export_tree(request, tree, source)).await.or_fail();
        span.end(&result);
        result
    }

    /// Does changes to a directory of the client's machine: writes a tree of what is new or changed, and removes paths
    /// first. `from` is what the tree is the value of. Gives the absolute path.
    pub async fn export_changes(
        &self,
        cx: &Cx,
        from: TreeHandle,
        tree: TreeId,
        path: String,
        remove: Vec<String>,
    ) -> Result<String, OpError> {
        let client = self.client()?;
        let span = self.progress().begin(
            &cx.engine,
            format!("export changes to {path}"),
            SpanKind::Export,
            vec![from],
        );
        let request = ExportRequest { path, wipe: false, remove };
        let meter = Arc::new(Meter::default());
        let source = Arc::new(StoreSource::new(cx.engine.store(), Arc::clone(&meter)));
        let _lease = cx.engine.store().lease(&tree);
        let result = span.watch(&meter, client.export_tree(request, tree, source)).await.or_fail();
        span.end(&result);
        result
    }

    /// Writes a file of `from`, given by digest, permission bits and length, to the client's machine, unless it
    /// is there. Gives the absolute path.
    pub async fn export_file(
        &self,
        cx: &Cx,
        from: TreeHandle,
        name: &str,
        (digest, mode, size): (Digest, u32, u64),
        path: String,
        allow_parent_dir: bool,
    ) -> Result<String, OpError> {
        let client = self.client()?;
        let span =
            self.progress().begin(&cx.engine, format!("export file to {path}"), SpanKind::Export, vec![from]);
        let request =
            ExportFileRequest { path, allow_parent_dir, name: name.to_owned(), mode, mtime_ns: None };
        let store = cx.engine.store().clone();
        let meter = Arc::new(Meter::default());
        let send = async {
            if let Some(path) = client.keep_file(request.clone(), (digest, size)).await.or_fail()? {
                return Ok(path);
            }
            meter.set_total(size);
            let content = crate::blocking(move || store.open_blob(&digest).or_fail()).await?;
            let content = Box::new(Metered::new(content, &meter));
            client.export_file(request, content).await.or_fail()
        };
        let result = span.watch(&meter, send).await;
        span.end(&result);
        result
    }

    /// Puts an image archive of `from`, given by its digest and length, into a container engine of the client's machine.
    pub async fn load_image(
        &self,
        cx: &Cx,
        from: TreeHandle,
        name: &str,
        (archive, size): (Digest, u64),
    ) -> Result<(), OpError> {
        let client = self.client()?;
        let span =
            self.progress().begin(&cx.engine, format!("load image {name}"), SpanKind::Export, vec![from]);
        let store = cx.engine.store().clone();
        let meter = Arc::new(Meter::default());
        meter.set_total(size);
        let send = async {
            let content = crate::blocking(move || store.open_blob(&archive).or_fail()).await?;
            let content = Box::new(Metered::new(content, &meter));
            client.load_image(name.to_owned(), content).await.or_fail()
        };
        let result = span.watch(&meter, send).await;
        span.end(&result);
        result.map(|_| ())
    }

    /// Takes over an image of a container engine of the client's machine: a tree with its archive, `image.tar`.
    pub async fn save_image(&self, cx: &Cx, name: &str) -> Result<TreeId, OpError> {
        let client = self.client()?;
        let span =
            self.progress().begin(&cx.engine, format!("save image {name}"), SpanKind::Sync, Vec::new());
        let meter = Arc::new(Meter::default());
        let sink = Arc::new(StoreSink::new(cx.engine.store(), Arc::clone(&meter)));
        let result = span.watch(&meter, client.save_image(name.to_owned(), sink)).await.or_fail();
        if let Ok(tree) = &result {
            span.made(tree);
        }
        span.end(&result);
        result
    }

    /// The path of the nearest entry of a name, from the client's working directory upwards.
    pub async fn find_up(&self, name: &str) -> Result<Option<String>, OpError> {
        self.client()?.find_up(name).await.or_fail()
    }

    /// A variable of the client's environment; none if it is not set there.
    pub async fn variable(&self, name: &str) -> Result<Option<String>, OpError> {
        match self.client()?.read_secret(&format!("env://{name}")).await {
            Ok(value) => String::from_utf8(value.to_vec())
                .map(Some)
                .map_err(|_| OpError::new(format!("the client's variable {name} is not text"))),
            Err(error) if error.code() == Some(ErrorCode::NotFound) => Ok(None),
            Err(error) => Err(OpError::new(error.to_string())),
        }
    }
}
