//! Finding the user's running engine, or starting one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How to start an engine when none runs.
#[derive(Debug, Clone)]
pub struct LaunchConfig {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; they must make it listen on `socket`.
    pub args: Vec<OsString>,
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
        source: std::io::Error,
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
pub async fn ensure_engine(_config: &LaunchConfig) -> Result<RunningEngine, LaunchError> {
    unimplemented!()
}
