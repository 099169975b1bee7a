//! Finding the user's running engine, or starting one.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// Between two looks at a starting engine.
const POLL: Duration = Duration::from_millis(2);
/// How much of the log's end is looked at, and how many lines of it are shown.
const TAIL_BYTES: u64 = 16 << 10;
const TAIL_LINES: usize = 20;

/// How to start an engine when none runs.
#[derive(Debug, Clone)]
pub struct LaunchConfig {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; these or `env` must make it listen on `socket`.
    pub args: Vec<OsString>,
    /// Variables that it gets besides those of this process. It works in `/`: relative paths among those mean nothing there.
    pub env: Vec<(OsString, OsString)>,
    /// The unix socket on which the engine will listen.
    pub socket: PathBuf,
    /// Lock file that lets only one of several clients start an engine.
    pub lock_path: PathBuf,
    /// Gets the engine's stdout and stderr, appended.
    pub log_path: PathBuf,
    /// How long the engine may take until it accepts connections, waiting for other starters included.
    pub timeout: Duration,
}

/// A running engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningEngine {
    /// Where it listens.
    pub socket: PathBuf,
    /// Whether this call started it.
    pub started: bool,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A file or directory for it cannot be used.
    #[error("cannot start an engine: {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended before it accepted connections.
    #[error("the engine ended while starting ({status}); its log is {}{}", log_path.display(), tail(last_lines))]
    Died {
        /// Exit status or signal.
        status: String,
        /// Its log.
        log_path: PathBuf,
        /// The last lines of it.
        last_lines: String,
    },
    /// It runs, but does not accept connections.
    #[error(
        "the engine did not accept connections within {} s; its log is {}{}",
        timeout.as_secs_f32(), log_path.display(), tail(last_lines)
    )]
    Timeout {
        /// How long was waited.
        timeout: Duration,
        /// Its log.
        log_path: PathBuf,
        /// The last lines of it.
        last_lines: String,
    },
}

fn tail(lines: &str) -> String {
    if lines.is_empty() { String::new() } else { format!(":\n{lines}") }
}

/// Finds the engine that listens on the socket, or starts one and waits until it accepts connections. Any number of
/// callers at the same moment share one engine.
pub async fn ensure_engine(config: &LaunchConfig) -> Result<RunningEngine, LaunchError> {
    let found = |started| RunningEngine { socket: config.socket.clone(), started };
    if accepts(&config.socket).await {
        return Ok(found(false));
    }
    let deadline = Instant::now() + config.timeout;
    let lock = open(&config.lock_path, File::options().create(true).truncate(false).write(true))?;
    loop {
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(io_error(&config.lock_path, error.into())),
        }
        // Somebody else is starting one.
        if accepts(&config.socket).await {
            return Ok(found(false));
        }
        if Instant::now() > deadline {
            return Err(timed_out(config, 0));
        }
        tokio::time::sleep(POLL).await;
    }
    if accepts(&config.socket).await {
        return Ok(found(false));
    }
    start(config, deadline).await?;
    Ok(found(true))
}

async fn accepts(socket: &Path) -> bool {
    UnixStream::connect(socket).await.is_ok()
}

async fn start(config: &LaunchConfig, deadline: Instant) -> Result<(), LaunchError> {
    let log = open(&config.log_path, File::options().create(true).append(true))?;
    let log_start = log.metadata().map_or(0, |found| found.len());
    let mut child = spawn(config, log)?;
    loop {
        if accepts(&config.socket).await {
            // The engine outlives this process; dropping the handle leaves it running.
            return Ok(());
        }
        match child.try_wait() {
            Ok(Some(status)) => {
                return Err(LaunchError::Died {
                    status: status.to_string(),
                    log_path: config.log_path.clone(),
                    last_lines: last_lines(&config.log_path, log_start),
                });
            }
            Ok(None) => {}
            Err(error) => return Err(io_error(&config.program, error)),
        }
        if Instant::now() > deadline {
            // Otherwise a stuck engine would stay, and take the socket when nobody expects it.
            let _ = child.start_kill();
            return Err(timed_out(config, log_start));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// In a process group of its own, so that Ctrl-C in the client's terminal does not reach it.
fn spawn(config: &LaunchConfig, log: File) -> Result<Child, LaunchError> {
    let stderr = log.try_clone().map_err(|error| io_error(&config.log_path, error))?;
    Command::new(&config.program)
        .args(&config.args)
        .envs(config.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(|error| io_error(&config.program, error))
}

fn open(path: &Path, options: &mut std::fs::OpenOptions) -> Result<File, LaunchError> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| io_error(dir, error))?;
    }
    options.mode(0o600).open(path).map_err(|error| io_error(path, error))
}

fn io_error(path: &Path, source: io::Error) -> LaunchError {
    LaunchError::Io { path: path.to_owned(), source }
}

fn timed_out(config: &LaunchConfig, log_start: u64) -> LaunchError {
    LaunchError::Timeout {
        timeout: config.timeout,
        log_path: config.log_path.clone(),
        last_lines: last_lines(&config.log_path, log_start),
    }
}

/// The last lines that were written to the log after `start`.
fn last_lines(path: &Path, start: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let start = start.max(file.metadata()?.len().saturating_sub(TAIL_BYTES));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
