//! How long taking over a directory of many small files takes, against only reading and hashing them.
//!
//! `cargo run --release -p kukri-session --example sync_bench -- DIRECTORY [FILES]` makes DIRECTORY with FILES files of
//! 4 KiB (50,000 unless given), or uses what an earlier run has left there. Client and engine run in this one process;
//! the engine keeps nothing but digests, so that the link is measured and not a store.

#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kukri_model::Digest;
use kukri_session::client::{ConnectConfig, connect};
use kukri_session::engine::{
    BlobWriter, SessionHandle, StoreFailure, SyncRequest, SyncSink, Upgrade, upgrade,
};
use kukri_session::{ClientHello, EngineHello, socket};
use kukri_tree::TreeId;
use tokio::sync::oneshot;

const FILE_BYTES: usize = 4096;
const FILES_PER_DIR: usize = 100;

#[derive(Default)]
struct Digests {
    nodes: Mutex<HashSet<TreeId>>,
    blobs: Mutex<HashSet<Digest>>,
}

impl SyncSink for Digests {
    fn has_nodes(&self, ids: &[TreeId]) -> Result<Vec<bool>, StoreFailure> {
        let nodes = self.nodes.lock().map_err(|error| error.to_string())?;
        Ok(ids.iter().map(|id| nodes.contains(id)).collect())
    }

    fn put_nodes(&self, new: Vec<(TreeId, Bytes)>) -> Result<(), StoreFailure> {
        self.nodes.lock().map_err(|error| error.to_string())?.extend(new.into_iter().map(|(id, _)| id));
        Ok(())
    }

    fn has_blobs(&self, digests: &[Digest]) -> Result<Vec<bool>, StoreFailure> {
        let blobs = self.blobs.lock().map_err(|error| error.to_string())?;
        Ok(digests.iter().map(|digest| blobs.contains(digest)).collect())
    }

    fn put_blobs(&self, new: Vec<(Digest, Bytes)>) -> Result<(), StoreFailure> {
        if new.iter().any(|(digest, bytes)| Digest::of(bytes) != *digest) {
            return Err("a content is not what it was announced as".into());
        }
        self.blobs
            .lock()
            .map_err(|error| error.to_string())?
            .extend(new.into_iter().map(|(digest, _)| digest));
        Ok(())
    }

    fn blob_writer(&self, _digest: Digest, _size: u64) -> Result<Box<dyn BlobWriter>, StoreFailure> {
        Err("there are no large files here".into())
    }
}

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let root = PathBuf::from(args.next().ok_or("usage: sync_bench DIRECTORY [FILES]")?);
    let files = args.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(50_000);
    let root = std::path::absolute(root)?;
    let paths = generate(&root, files)?;
    std::thread::sleep(Duration::from_millis(200));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(&root, &paths))
}

fn generate(root: &Path, files: usize) -> Result<Vec<PathBuf>, Failure> {
    let paths: Vec<PathBuf> = (0..files)
        .map(|n| root.join(format!("dir{}/file{}", n / FILES_PER_DIR, n % FILES_PER_DIR)))
        .collect();
    for (n, path) in paths.iter().enumerate() {
        if n % FILES_PER_DIR == 0 {
            std::fs::create_dir_all(path.parent().unwrap_or(root))?;
        }
        if !path.exists() {
            let mut content = vec![b'x'; FILE_BYTES];
            content[..8].copy_from_slice(&n.to_le_bytes());
            std::fs::write(path, content)?;
        }
    }
    Ok(paths)
}

/// Reads and hashes everything with two threads: the floor of a first sync.
fn hash_only(paths: &[PathBuf]) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for half in paths.chunks(paths.len().div_ceil(2)) {
            scope.spawn(move || {
                let mut buffer = vec![0; FILE_BYTES + 1];
                for path in half {
                    let length =
                        std::fs::File::open(path).and_then(|mut file| file.read(&mut buffer)).unwrap_or(0);
                    std::hint::black_box(Digest::of(&buffer[..length]));
                }
            });
        }
    });
    start.elapsed()
}

async fn measure(root: &Path, paths: &[PathBuf]) -> Result<(), Failure> {
    let scratch = std::env::temp_dir().join(format!("kukri-sync-bench-{}", std::process::id()));
    let (session, _client) = open(root, &scratch).await?;
    let sink = Arc::new(Digests::default());
    let sync = async || {
        let request = SyncRequest { path: ".".into(), ..SyncRequest::default() };
        let start = Instant::now();
        session.sync_directory(request, Arc::clone(&sink) as Arc<_>).await.map(|id| (id, start.elapsed()))
    };
    hash_only(paths);
    let mut floor = Vec::new();
    for _ in 0..5 {
        floor.push(hash_only(paths));
    }
    let floor = median(floor);
    println!("hash only, 2 threads   {floor:>10.1?}");

    let mut first = Vec::new();
    for _ in 0..5 {
        let _ = std::fs::remove_dir_all(scratch.join("cache"));
        sink.nodes.lock().map_err(|error| error.to_string())?.clear();
        sink.blobs.lock().map_err(|error| error.to_string())?.clear();
        first.push(sync().await?.1);
    }
    let first = median(first);
    println!(
        "first sync             {first:>10.1?}   {:.2} x hash only",
        first.as_secs_f64() / floor.as_secs_f64()
    );

    let mut unchanged = Vec::new();
    for _ in 0..11 {
        unchanged.push(sync().await?.1);
    }
    println!("unchanged              {:>10.1?}", median(unchanged));

    let mut changed = Vec::new();
    for n in 0..11_usize {
        let path = &paths[(n * 4241) % paths.len()];
        let mut content = vec![b'y'; FILE_BYTES];
        content[..8].copy_from_slice(&Instant::now().elapsed().subsec_nanos().to_le_bytes().repeat(2));
        content[8..16].copy_from_slice(&(std::process::id() as u64 + ((n as u64) << 40)).to_le_bytes());
        std::fs::write(path, content)?;
        changed.push(sync().await?.1);
    }
    println!("one changed            {:>10.1?}", median(changed));
    let status = std::fs::read_to_string("/proc/self/status")?;
    for line in status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("Threads")) {
        println!("{line}");
    }
    std::fs::remove_dir_all(&scratch)?;
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A client and an engine, over a socket.
async fn open(
    root: &Path,
    scratch: &Path,
) -> Result<(SessionHandle, kukri_session::client::Client), Failure> {
    let path = scratch.join("engine.sock");
    let listener = socket::listen(&path).await?;
    let (handle_in, handle) = oneshot::channel();
    tokio::spawn(async move {
        let Ok((stream, _)) = listener.accept().await else { return };
        let handle_in = Arc::new(Mutex::new(Some(handle_in)));
        let service = service_fn(move |request| {
            let handle_in = handle_in.lock().ok().and_then(|mut sender| sender.take());
            async move {
                match upgrade(request, &EngineHello::new("")).await {
                    Upgrade::Accepted { response, session, .. } => {
                        tokio::spawn(async move {
                            let Ok((handle, driver)) = session.start().await else { return };
                            if let Some(sender) = handle_in {
                                let _ = sender.send(handle);
                            }
                            driver.await;
                        });
                        Ok::<_, Infallible>(response)
                    }
                    Upgrade::Refused { response, .. } => Ok(response),
                }
            }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let _ = connection.with_upgrades().await;
    });
    let client = connect(ConnectConfig {
        socket: path,
        hello: ClientHello::new("bench", "bench", root.to_string_lossy()),
        workdir: root.to_owned(),
        home: None,
        cache_dir: Some(scratch.join("cache")),
        env: HashMap::new(),
        host_access: true,
        timeout: Duration::from_secs(10),
        telemetry: None,
    })
    .await?;
    Ok((handle.await?, client))
}
