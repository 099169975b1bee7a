//! Writing a tree: takes its nodes, compares, takes the contents that are needed, writes.

use std::collections::{HashMap, HashSet};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kukri_model::Digest;
use kukri_tree::{EntryKind, Node};
use rustix::fs::{Mode, OFlags, openat};
use tokio::sync::mpsc;

use super::compare::{Comparison, Want, full_path};
use super::write::{NewFile, TemporaryNames, make_dirs, open_dir, remove_all};
use crate::client::remember::load_cache;
use crate::client::serve::Facts;
use crate::client::sync::{blocking, lost};
use crate::link::{Channel, Message};
use crate::records::{Piece, RecordDecoder, SMALL, pack_digests, pack_sized};
use crate::wire::{ExportBody, ExportDown, ExportUp, Exported};
use crate::{ErrorCode, RemoteError};

/// Nodes, or contents, asked for in one message.
const BATCH: usize = 4096;
/// Longest node that is taken.
const MAX_NODE: u64 = 512 << 20;
/// Pieces of contents that may wait for the writing thread.
const AHEAD: usize = 16;

/// Serves one request to its end.
pub(in crate::client) async fn serve(
    facts: &Facts,
    body: ExportBody,
    mut channel: Channel,
) -> Result<Message, RemoteError> {
    let path = facts.bases.resolve(&body.path)?;
    let nodes = take_nodes(&mut channel, body.root.stored).await?;
    let (wants_in, mut wants) = mpsc::channel(1);
    let (pieces_in, pieces) = mpsc::channel(AHEAD);
    let cancelled = Arc::new(AtomicBool::new(false));
    let _guard = CancelOnDrop(Arc::clone(&cancelled));
    let export = Export { path: path.clone(), body, cache_dir: facts.cache_dir.clone(), nodes, cancelled };
    let writing = blocking(move || export.run(&wants_in, pieces));
    let moving = async {
        // Comes once, or never, if comparing fails.
        let Some(wanted) = wants.recv().await else { return Ok(()) };
        move_contents(&mut channel, wanted, pieces_in).await
    };
    tokio::pin!(writing);
    // An error of the writer must not wait for contents that nobody takes any more, and says more than theirs.
    tokio::select! {
        written = &mut writing => written??,
        moved = moving => {
            writing.await??;
            moved?;
        }
    }
    Ok(Message::json(&Exported { path: path.to_string_lossy().into_owned() }))
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type Nodes = HashMap<Digest, Arc<Node>>;

/// All nodes of the tree, level by level.
async fn take_nodes(channel: &mut Channel, root: Digest) -> Result<Nodes, RemoteError> {
    let damaged = |text: String| RemoteError::new(ErrorCode::Invalid, text);
    let mut nodes = Nodes::new();
    let mut seen = HashSet::from([root]);
    let mut level = vec![root];
    while !level.is_empty() {
        let mut next = Vec::new();
        for batch in level.chunks(BATCH) {
            channel.send(&ExportUp::WantNodes, pack_digests(batch)).await.map_err(lost)?;
            let mut decoder = RecordDecoder::new(MAX_NODE);
            loop {
                let message = channel.recv().await.map_err(lost)?;
                let ExportDown::Nodes { last } = message.parse().map_err(lost)? else {
                    return Err(damaged("contents came before they were asked for".to_owned()));
                };
                for piece in decoder.push(message.payload).map_err(lost)? {
                    let Piece::Whole(digest, bytes) = piece else {
                        return Err(damaged("a directory with too many entries".to_owned()));
                    };
                    if Digest::of(&bytes) != digest {
                        return Err(damaged(format!("node {digest} was damaged on the way")));
                    }
                    let node = Node::decode(&digest, &bytes).map_err(|error| damaged(error.to_string()))?;
                    let children = node.entries.iter().filter_map(|entry| match &entry.kind {
                        EntryKind::Dir(id) => Some(id.stored),
                        _ => None,
                    });
                    next.extend(children.filter(|digest| seen.insert(*digest)));
                    nodes.insert(digest, Arc::new(node));
                }
                if last {
                    break;
                }
            }
        }
        level = next;
    }
    Ok(nodes)
}

/// Asks for the contents and hands on what comes. Asking and taking go on at the same time.
async fn move_contents(
    channel: &mut Channel,
    wanted: Vec<(Digest, u64)>,
    pieces: mpsc::Sender<Piece>,
) -> Result<(), RemoteError> {
    let sender = channel.sender();
    let count = wanted.len();
    let asking = async {
        let mut later_files = wanted.len() as u64;
        let mut later_bytes: u64 = wanted.iter().map(|(_, size)| size).sum();
        for batch in wanted.chunks(BATCH) {
            later_files -= batch.len() as u64;
            later_bytes -= batch.iter().map(|(_, size)| size).sum::<u64>();
            let list = pack_sized(batch.iter().map(|(digest, size)| (digest, *size)));
            sender.send(&ExportUp::WantBlobs { later_files, later_bytes }, list).await.map_err(lost)?;
        }
        Ok(())
    };
    let taking = async {
        let mut decoder = RecordDecoder::new(SMALL);
        let mut complete = 0;
        while complete < count {
            let message = channel.recv().await.map_err(lost)?;
            if message.parse::<ExportDown>().map_err(lost)? != ExportDown::Blobs {
                return Err(RemoteError::new(ErrorCode::Invalid, "expected contents"));
            }
            for piece in decoder.push(message.payload).map_err(lost)? {
                complete += usize::from(matches!(piece, Piece::Whole(..) | Piece::End(_)));
                if pieces.send(piece).await.is_err() {
                    // The writer has failed, and says why itself.
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    tokio::try_join!(asking, taking).map(|_| ())
}

/// What the writing thread needs.
struct Export {
    path: PathBuf,
    body: ExportBody,
    cache_dir: Option<PathBuf>,
    nodes: Nodes,
    cancelled: Arc<AtomicBool>,
}

impl Export {
    fn run(
        self,
        wants: &mpsc::Sender<Vec<(Digest, u64)>>,
        mut pieces: mpsc::Receiver<Piece>,
    ) -> Result<(), RemoteError> {
        let path = &self.path;
        make_dirs(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(rustix::fs::CWD, path, flags, Mode::empty())
            .map_err(|error| RemoteError::io("open", path, &error.into()))?;
        remove_paths(&root, path, &self.body.remove)?;

        // Not the same memory as that of a sync from here, which knows more files.
        let mut key = path.clone().into_os_string();
        key.push("\0export");
        let key = Path::new(&key);
        let cache = load_cache(self.cache_dir.as_deref(), key);
        let names = TemporaryNames::new();
        let place = (path.as_path(), &root);
        let mut comparison =
            Comparison::new(place, &self.nodes, self.body.wipe, &cache, &names, &self.cancelled);
        comparison.run(&self.body.root.stored)?;
        let list: Vec<_> = comparison.wants.iter().map(|want| (want.blob, want.size)).collect();
        if !list.is_empty() {
            if wants.blocking_send(list).is_err() {
                return Err(RemoteError::new(ErrorCode::Cancelled, "cancelled"));
            }
            for want in &comparison.wants {
                let dir = &comparison.dirs[want.dir].path;
                write_file(&root, path, dir, want, &names, &mut pieces)?;
            }
        }
        comparison.finish_dirs()?;
        if let Some(cache_dir) = &self.cache_dir
            && let Err(error) = comparison.save(cache_dir, key)
        {
            tracing::warn!(%error, "cannot remember which exported files are unchanged");
        }
        Ok(())
    }
}

/// Takes the pieces of one content and writes the file.
fn write_file(
    root: &OwnedFd,
    root_path: &Path,
    dir: &[u8],
    want: &Want,
    names: &TemporaryNames,
    pieces: &mut mpsc::Receiver<Piece>,
) -> Result<(), RemoteError> {
    let path = || full_path(root_path, dir, &want.name);
    let failed = |error: std::io::Error| RemoteError::io("write", &path(), &error);
    let damaged = || {
        RemoteError::new(
            ErrorCode::Other,
            format!("the content of {} was damaged on the way", path().display()),
        )
    };
    let mut next =
        || pieces.blocking_recv().ok_or_else(|| RemoteError::new(ErrorCode::Cancelled, "cancelled"));
    let dir = open_dir(root, dir).map_err(|error| failed(error.into()))?;
    let mut file = NewFile::create(dir, &want.name, names).map_err(failed)?;
    match next()? {
        Piece::Whole(digest, bytes) => {
            if digest != want.blob || Digest::of(&bytes) != want.blob {
                return Err(damaged());
            }
            file.write(&bytes).map_err(failed)?;
        }
        Piece::Begin(digest, _) if digest == want.blob => {
            let mut hasher = blake3::Hasher::new();
            loop {
                match next()? {
                    Piece::Part(bytes) => {
                        hasher.update(&bytes);
                        file.write(&bytes).map_err(failed)?;
                    }
                    Piece::End(_) if Digest::from(hasher.finalize()) == want.blob => break,
                    _ => return Err(damaged()),
                }
            }
        }
        _ => return Err(damaged()),
    }
    file.finish(want.meta.mode, Some(want.meta.mtime_ns)).map_err(failed)
}

/// Deletes paths below the root. They must not lead out of it, nor through links.
fn remove_paths(root: &OwnedFd, root_path: &Path, paths: &[String]) -> Result<(), RemoteError> {
    for path in paths {
        let relative = path.trim_matches('/');
        if relative.split('/').any(|part| !kukri_tree::is_name(part.as_bytes())) {
            return Err(RemoteError::new(
                ErrorCode::Invalid,
                format!("cannot delete {path:?}: not a path below the directory"),
            ));
        }
        let (dir, name) = relative.rsplit_once('/').unwrap_or(("", relative));
        let failed = |error: std::io::Error| RemoteError::io("delete", &root_path.join(relative), &error);
        let mut fd = open_dir(root, b"").map_err(|error| failed(error.into()))?;
        let mut reachable = true;
        for part in dir.split('/').filter(|part| !part.is_empty()) {
            match open_dir(&fd, part.as_bytes()) {
                Ok(next) => fd = next,
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                    reachable = false;
                    break;
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
        if reachable {
            remove_all(std::os::fd::AsFd::as_fd(&fd), name.as_bytes()).map_err(failed)?;
        }
    }
    Ok(())
}
