//! Which request of the engine is answered where.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{ConnectConfig, export, load, paths, save, secret, sync, telemetry};
use crate::engine::{HostStat, HostStatKind};
use crate::link::{Answer, Handler, Message, Request};
use crate::wire::{
    EXPORT_FILE, EXPORT_TREE, FIND_UP, FindUpBody, FoundUp, KEEP_FILE, LOAD_IMAGE, READ_SECRET, SAVE_IMAGE,
    STAT, SYNC, SecretBody, StatBody, TELEMETRY,
};
use crate::{ErrorCode, RemoteError, TelemetrySink};

const NO_ACCESS: &str = "this session may use no files, secrets or programs of its client's machine: it was opened with \
                         --disable-host-read-write";

/// This machine, as far as the engine may use it.
pub(super) struct Host {
    facts: Arc<Facts>,
}

pub(super) struct Facts {
    pub bases: paths::Bases,
    pub env: HashMap<OsString, OsString>,
    pub cache_dir: Option<PathBuf>,
    pub host_access: bool,
    pub telemetry: Option<TelemetrySink>,
}

impl Host {
    pub fn new(config: &ConnectConfig) -> Self {
        let bases = paths::Bases { workdir: config.workdir.clone(), home: config.home.clone() };
        let facts = Facts {
            bases,
            env: config.env.clone(),
            cache_dir: config.cache_dir.clone(),
            host_access: config.host_access,
            telemetry: config.telemetry.clone(),
        };
        Self { facts: Arc::new(facts) }
    }
}

impl Handler for Host {
    fn handle(&self, request: Request) -> Answer {
        Box::pin(answer(Arc::clone(&self.facts), request))
    }
}

async fn answer(facts: Arc<Facts>, request: Request) -> Result<Message, RemoteError> {
    // Whatever else is asked here is about this machine.
    if !facts.host_access && request.kind != TELEMETRY {
        return Err(RemoteError::new(ErrorCode::PermissionDenied, NO_ACCESS));
    }
    match request.kind.as_str() {
        SYNC => sync::serve(&facts, parse(&request)?, request.channel).await,
        EXPORT_TREE => export::serve_tree(&facts, parse(&request)?, request.channel).await,
        EXPORT_FILE => export::serve_file(&facts, parse(&request)?, request.channel).await,
        KEEP_FILE => export::keep_file(&facts, parse(&request)?).await,
        LOAD_IMAGE => load::serve(&facts, parse(&request)?, request.channel).await,
        SAVE_IMAGE => save::serve(&facts, parse(&request)?, request.channel).await,
        READ_SECRET => {
            let SecretBody { uri } = parse(&request)?;
            let payload = secret::read(&uri, &facts.bases, &facts.env).await?;
            Ok(Message { payload, ..Message::default() })
        }
        FIND_UP => {
            let FindUpBody { name } = parse(&request)?;
            Ok(Message::json(&FoundUp { path: find_up(&facts.bases.workdir, &name)? }))
        }
        STAT => {
            let StatBody { path, follow } = parse(&request)?;
            Ok(Message::json(&stat(&facts.bases.resolve(&path)?, follow)?))
        }
        TELEMETRY => telemetry::serve(&facts, parse(&request)?, request.channel).await,
        kind => {
            let message = format!(
                "the client does not know the request {kind:?}: it is older than the engine; update it"
            );
            Err(RemoteError::new(ErrorCode::Unsupported, message))
        }
    }
}

fn parse<T: DeserializeOwned>(request: &Request) -> Result<T, RemoteError> {
    request.message.parse().map_err(|error| RemoteError::new(ErrorCode::Invalid, error.to_string()))
}

fn find_up(workdir: &Path, name: &str) -> Result<Option<String>, RemoteError> {
    if name.is_empty() || name.contains('\0') || Path::new(name).is_absolute() {
        return Err(RemoteError::new(ErrorCode::Invalid, format!("cannot look for the name {name:?}")));
    }
    for dir in workdir.ancestors() {
        let path = dir.join(name);
        if path.symlink_metadata().is_ok() {
            return Ok(Some(paths::relative(&path, workdir).to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

fn stat(path: &Path, follow: bool) -> Result<Option<HostStat>, RemoteError> {
    let found: Metadata = match if follow { path.metadata() } else { path.symlink_metadata() } {
        Ok(found) => found,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(RemoteError::io("look at", path, &error)),
    };
    let kind = found.file_type();
    let kind = if kind.is_file() {
        HostStatKind::File
    } else if kind.is_dir() {
        HostStatKind::Directory
    } else if kind.is_symlink() {
        HostStatKind::Symlink
    } else if kind.is_socket() {
        HostStatKind::Socket
    } else {
        HostStatKind::Other
    };
    Ok(Some(HostStat {
        path: path.to_string_lossy().into_owned(),
        kind,
        size: found.len(),
        mode: found.mode() & 0o7777,
    }))
}
