//! Empties and removes groups of finished runs, on a thread of its own.
//!
//! A group can only be removed when its last process is reaped, which may take a moment after the run has ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::group::kill_all;

/// Processes stuck in the kernel cannot be killed; the group is then left to the next engine.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct Remover {
    queue: Mutex<Option<Sender<Vec<PathBuf>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Remover {
    pub(super) fn start() -> Self {
        let (queue, finished) = channel::<Vec<PathBuf>>();
        let thread = std::thread::Builder::new()
            .name("kukri-cgroups".into())
            .spawn(move || finished.into_iter().for_each(|dirs| remove(&dirs)))
            .inspect_err(
                |error| tracing::warn!(%error, "cannot start a thread; removing control groups in place"),
            )
            .ok();
        Self { queue: Mutex::new(thread.is_some().then_some(queue)), thread: Mutex::new(thread) }
    }

    /// Removes the directories of one run.
    pub(super) fn remove(&self, dirs: Vec<PathBuf>) {
        if dirs.is_empty() {
            return;
        }
        let queue = self.queue.lock().ok().and_then(|queue| queue.clone());
        match queue {
            Some(queue) => {
                if let Err(unsent) = queue.send(dirs) {
                    remove(&unsent.0);
                }
            }
            None => remove(&dirs),
        }
    }

    /// Waits until everything is removed.
    pub(super) fn finish(&self) {
        if let Ok(mut queue) = self.queue.lock() {
            queue.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn remove(dirs: &[PathBuf]) {
    let begun = Instant::now();
    for dir in dirs {
        while let Err(error) = remove_one(dir) {
            if begun.elapsed() > PATIENCE {
                tracing::warn!(dir = %dir.display(), %error, "cannot remove a control group");
                break;
            }
            kill_all(dirs);
            std::thread::sleep(PAUSE);
        }
    }
}

fn remove_one(dir: &Path) -> io::Result<()> {
    match fs::remove_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
            // The container may have made groups below its own, where it was given its control groups to see.
            for child in fs::read_dir(dir)?.flatten() {
                if child.file_type().is_ok_and(|kind| kind.is_dir()) {
                    kill_all(&[child.path()]);
                    remove_one(&child.path())?;
                }
            }
            fs::remove_dir(dir)
        }
        outcome => outcome,
    }
}
