//! A thread with mount namespaces of its own, from which runtimes are started.
//!
//! Mount namespaces belong to threads, and a process inherits that of the thread which starts it. So one thread leaves
//! the engine's namespace for a copy, mounts there, starts the runtime, and comes back: the copy lives as long as the
//! runtime and its container do.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::SandboxError;

/// The v2 tree of a machine whose controllers are on v1.
const HYBRID_TREE: &str = "/sys/fs/cgroup/unified";

type Job = Box<dyn FnOnce() + Send>;

/// The thread.
pub(super) struct Place {
    jobs: Mutex<Sender<Job>>,
}

impl Place {
    pub(super) fn start() -> Result<Self, SandboxError> {
        let (jobs, queue) = channel::<Job>();
        let (ready, outcome) = channel();
        std::thread::Builder::new()
            .name("kukri-oci".into())
            .spawn(move || {
                // SAFETY: only unsharing the table of file descriptors could be unsound, and this does not.
                let alone = unsafe { unshare_unsafe(UnshareFlags::FS) };
                let failed = alone.is_err();
                let _ = ready.send(alone);
                if !failed {
                    queue.into_iter().for_each(|job| job());
                }
            })
            .map_err(|source| SandboxError::io("start a thread for OCI runtimes", source))?;
        match outcome.recv() {
            Ok(Ok(())) => Ok(Self { jobs: Mutex::new(jobs) }),
            Ok(Err(error)) => Err(SandboxError::io("give a thread its own working directory", error)),
            Err(_) => Err(lost()),
        }
    }

    /// Runs `body` in a copy of the engine's mount namespace; where `all_v1` is set, the empty v2 tree of a hybrid
    /// machine is taken out of the copy: some runtimes refuse to work beside it.
    pub(super) fn inside<T: Send>(
        &self,
        all_v1: bool,
        body: impl FnOnce() -> T + Send,
    ) -> Result<T, SandboxError> {
        let (reply, answer) = channel();
        let job: Box<dyn FnOnce() + Send + '_> = Box::new(move || {
            let _ = reply.send(in_copy(all_v1, body));
        });
        // SAFETY: only the lifetime changes. This function returns after the job has run or was dropped: `recv` ends
        // when the job has sent its answer, or when `reply`, which the job owns, is dropped.
        let job = unsafe { std::mem::transmute::<Box<dyn FnOnce() + Send + '_>, Job>(job) };
        let sent = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job);
        sent.map_err(|_| lost())?;
        answer.recv().map_err(|_| lost())?
    }
}

fn lost() -> SandboxError {
    SandboxError::io("use the thread for OCI runtimes", std::io::Error::other("it has ended"))
}

fn in_copy<T>(all_v1: bool, body: impl FnOnce() -> T) -> Result<T, SandboxError> {
    let failed = |doing: &str, error: rustix::io::Errno| SandboxError::io(doing.to_owned(), error);
    let home = File::open("/proc/thread-self/ns/mnt")
        .map_err(|source| SandboxError::io("open /proc/thread-self/ns/mnt", source))?;
    // SAFETY: only unsharing the table of file descriptors could be unsound, and this does not.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }
        .map_err(|error| failed("make a mount namespace (it needs CAP_SYS_ADMIN)", error))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    let outcome =
        mount_change("/", private).map_err(|error| failed("make mounts private", error)).map(|()| {
            if all_v1 && Path::new(HYBRID_TREE).exists() {
                let _ = unmount(HYBRID_TREE, UnmountFlags::DETACH);
            }
            body()
        });
    move_into_link_name_space(home.as_fd(), Some(LinkNameSpaceType::Mount))
        .map_err(|error| failed("return to the engine's mount namespace", error))?;
    outcome
}
