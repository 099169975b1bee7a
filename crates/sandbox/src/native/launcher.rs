//! The threads which start containers.
//!
//! Each has two mount namespaces to stand in: the engine's, where the paths of a request mean something, and a nearly
//! empty one of its own, from which containers are cloned. Cloning copies every mount of the namespace, so an empty
//! one saves more than a millisecond on an ordinary host.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::plan::Plan;
use super::{child, sys};
use crate::SandboxError;

/// Work for a launcher thread.
pub type Job = Box<dyn FnOnce(&mut Place) + Send>;

/// The threads; they end when this is dropped and their work is done.
pub struct Launchers {
    sender: Mutex<mpsc::Sender<Job>>,
}

impl Launchers {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// When a thread cannot get its namespace: usually a matter of privileges.
    pub fn start(count: usize) -> Result<Self, SandboxError> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..count.max(1) {
            let receiver = Arc::clone(&receiver);
            let (ready, is_ready) = mpsc::channel();
            std::thread::Builder::new()
                .name(format!("sandbox-{index}"))
                .spawn(move || match Place::new() {
                    Ok(mut place) => {
                        let _ = ready.send(Ok(()));
                        drop(ready);
                        serve(&receiver, &mut place);
                    }
                    Err(error) => drop(ready.send(Err(error))),
                })
                .map_err(|source| SandboxError::io("start a thread for containers", source))?;
            is_ready.recv().unwrap_or_else(|_| {
                Err(SandboxError::io("start a thread for containers", io::Error::other("it ended at once")))
            })?;
        }
        Ok(Self { sender: Mutex::new(sender) })
    }

    /// Hands work to the next free thread.
    pub fn submit(&self, job: Job) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        // The receivers live as long as the threads, which live as long as this sender.
        let _ = sender.send(job);
    }
}

fn serve(receiver: &Mutex<mpsc::Receiver<Job>>, place: &mut Place) {
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => {
                // A job that panics has dropped its reply, which its caller sees; the thread is needed for others.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(place)));
                if place.go_home().is_err() {
                    return;
                }
            }
            Err(mpsc::RecvError) => return,
        }
    }
}

/// A process that was cloned and has executed something.
pub struct Launched {
    /// Refers to PID 1 of the container.
    pub pidfd: OwnedFd,
}

/// Why a launch came to nothing.
pub enum LaunchFailure {
    /// The clone itself failed.
    Clone(io::Error),
    /// The child stopped; the plan's outcome tells where.
    Child,
}

/// Where a launcher thread stands.
pub struct Place {
    engine: OwnedFd,
    empty: OwnedFd,
    /// Whether the thread stands in the empty namespace, the only one from which containers may be cloned: mounts in
    /// a copy of the engine's could spread to the host.
    home: bool,
    stack: Stack,
}

impl Place {
    /// Gives the calling thread its own root and an empty mount namespace. The thread must be of no other use.
    fn new() -> Result<Self, SandboxError> {
        let stage =
            |stage: &'static str| move |source: io::Error| SandboxError::Stage { stage, path: None, source };
        let namespace = || {
            let fd = check(
                // SAFETY: a constant path.
                unsafe { libc::open(c"/proc/thread-self/ns/mnt".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) },
            )?;
            // SAFETY: just opened, owned by nobody else.
            Ok(unsafe { OwnedFd::from_raw_fd(fd) })
        };
        let engine = namespace().map_err(stage("open the mount namespace"))?;
        // SAFETY: only the calling thread's file system context and mount namespace change.
        check(unsafe { libc::unshare(libc::CLONE_FS | libc::CLONE_NEWNS) }).map_err(|source| {
            if source.raw_os_error() == Some(libc::EPERM) {
                SandboxError::Unsupported {
                    feature: "making mount namespaces".to_owned(),
                    next: "run the engine as root, or inside a user namespace".to_owned(),
                }
            } else {
                SandboxError::Stage { stage: "unshare a mount namespace", path: None, source }
            }
        })?;
        let empty = namespace().map_err(stage("open the mount namespace"))?;
        // SAFETY: acts on the new namespace only, with constant strings.
        unsafe { empty_root(crate::userns::inside()) }.map_err(stage("make an empty root"))?;
        // SAFETY: the umask belongs to this thread alone since the unshare.
        unsafe { libc::umask(0) };
        let stack = Stack::new().map_err(stage("map a stack"))?;
        let mut place = Self { engine, empty, home: true, stack };
        place.in_engine(|| ())?;
        Ok(place)
    }

    /// Does something where the engine's paths mean what they mean in the engine.
    pub fn in_engine<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, SandboxError> {
        self.home = false;
        stand(&self.engine)?;
        let result = work();
        self.go_home()?;
        Ok(result)
    }

    fn go_home(&mut self) -> Result<(), SandboxError> {
        if !self.home {
            stand(&self.empty)?;
            self.home = true;
        }
        Ok(())
    }

    /// Clones the child and lets it walk the plan. Returns when it has executed the command or the init, or has ended.
    pub fn launch(&mut self, plan: &Plan) -> Result<Launched, LaunchFailure> {
        #[repr(C)]
        #[derive(Default)]
        struct CloneArgs {
            flags: u64,
            pidfd: u64,
            child_tid: u64,
            parent_tid: u64,
            exit_signal: u64,
            stack: u64,
            stack_size: u64,
            tls: u64,
            set_tid: u64,
            set_tid_size: u64,
            cgroup: u64,
        }
        if !self.home {
            return Err(LaunchFailure::Clone(io::Error::other("the launcher is not in its own namespace")));
        }
        let mut pidfd: RawFd = -1;
        let shared = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD;
        let args = CloneArgs {
            flags: shared as u64 | plan.clone_flags,
            pidfd: (&raw mut pidfd) as u64,
            exit_signal: libc::SIGCHLD as u64,
            stack: self.stack.bottom as u64,
            stack_size: Stack::SIZE as u64,
            ..CloneArgs::default()
        };
        // SAFETY: the child has the stack for itself: `&mut self` keeps others off it, and the clone returns only when
        // the child has left this memory. `child::main` keeps to the rules for a child that shares memory. All signals
        // are blocked, so no handler of the engine runs in the child. The plan outlives the child's use of it.
        let result = unsafe {
            let dumpable = libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0);
            let all = u64::MAX;
            let mut before = 0_u64;
            let mask = |set: &u64, old: *mut u64| {
                libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const *set, old, 8)
            };
            mask(&all, &raw mut before);
            let result = sys::clone3_run(
                (&raw const args).cast(),
                size_of::<CloneArgs>(),
                child::main,
                (&raw const *plan).cast_mut().cast(),
            );
            mask(&before, std::ptr::null_mut());
            if dumpable == 1 {
                // The child's change of user took this from the memory that both share.
                libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
            }
            result
        };
        if result < 0 {
            return Err(LaunchFailure::Clone(io::Error::from_raw_os_error(-result as i32)));
        }
        // SAFETY: the kernel stored a new descriptor there.
        let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
        // SAFETY: the child has left the memory, so nobody writes this now.
        let exec_failed = unsafe { (*plan.outcome.exec.get()).is_some() };
        if plan.outcome.error.load(Ordering::Acquire) != 0 || exec_failed {
            let _ = super::wait::wait(&pidfd, true);
            return Err(LaunchFailure::Child);
        }
        Ok(Launched { pidfd })
    }
}

/// Moves the calling thread, whose file system context is its own, into a mount namespace.
fn stand(namespace: &OwnedFd) -> Result<(), SandboxError> {
    // SAFETY: changes only this thread.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNS) })
        .map(drop)
        .map_err(|source| SandboxError::Stage { stage: "enter a mount namespace", path: None, source })
}

/// Turns the calling thread's root into an empty tmpfs with the places for mounts.
///
/// With `keep_kernel`, `/proc` and `/sys` stay: inside a user namespace the kernel gives out new ones only to those
/// who see them already.
///
/// # Safety
/// The calling thread must be in a mount namespace of its own.
unsafe fn empty_root(keep_kernel: bool) -> io::Result<()> {
    let kept: Vec<_> = if keep_kernel { vec![c"/proc", c"/sys"] } else { Vec::new() };
    let mut trees = Vec::new();
    for path in &kept {
        trees.push(super::mounts::open_tree(path, true)?);
    }
    // SAFETY: constant strings; effects stay in the namespace.
    unsafe {
        check(libc::mount(
            std::ptr::null(),
            c"/".as_ptr(),
            std::ptr::null(),
            libc::MS_REC | libc::MS_PRIVATE,
            std::ptr::null(),
        ))?;
        let place = c"/proc".as_ptr();
        check(libc::mount(
            c"tmpfs".as_ptr(),
            place,
            c"tmpfs".as_ptr(),
            libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            c"size=64k,nr_inodes=16,mode=0700".as_ptr().cast(),
        ))?;
        check(libc::chdir(place))?;
        check(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) as i32)?;
        check(libc::umount2(c".".as_ptr(), libc::MNT_DETACH))?;
        check(libc::chdir(c"/".as_ptr()))?;
        check(libc::mkdir(child::ROOT_PLACE.as_ptr(), 0o700))?;
        check(libc::mkdir(child::FILES_PLACE.as_ptr(), 0o700))?;
        for (path, tree) in kept.iter().zip(trees) {
            check(libc::mkdir(path.as_ptr(), 0o700))?;
            let flags = libc::MOVE_MOUNT_F_EMPTY_PATH;
            let (from, to) = (tree.as_raw_fd(), libc::AT_FDCWD);
            check(libc::syscall(libc::SYS_move_mount, from, c"".as_ptr(), to, path.as_ptr(), flags) as i32)?;
        }
    }
    Ok(())
}

/// A libc result as an `io::Result`.
pub fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Memory for the child's frames, with a page below it that catches an overflow.
struct Stack {
    base: *mut libc::c_void,
    bottom: *mut libc::c_void,
}

// SAFETY: plain memory, used by one launch at a time.
unsafe impl Send for Stack {}

impl Stack {
    const SIZE: usize = 256 * 1024;
    const GUARD: usize = 64 * 1024;

    fn new() -> io::Result<Self> {
        // SAFETY: a fresh anonymous mapping; the guard part of it stays inaccessible.
        unsafe {
            let base = libc::mmap(
                std::ptr::null_mut(),
                Self::SIZE + Self::GUARD,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
                -1,
                0,
            );
            if base == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let bottom = base.add(Self::GUARD);
            let stack = Self { base, bottom };
            check(libc::mprotect(bottom, Self::SIZE, libc::PROT_READ | libc::PROT_WRITE))?;
            Ok(stack)
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size; no child is running, since a launch borrows its place.
        unsafe { libc::munmap(self.base, Self::SIZE + Self::GUARD) };
    }
}
