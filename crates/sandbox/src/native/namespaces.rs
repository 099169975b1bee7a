//! Empty network namespaces made in advance: making one costs most of a start, entering a ready one nothing.

use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError, mpsc};

use super::launcher::check;
use crate::SandboxError;

/// Namespaces with nothing but `lo`, which is up; each is used by one run.
pub struct Ready {
    receiver: Mutex<Option<mpsc::Receiver<OwnedFd>>>,
}

impl Ready {
    /// Starts the thread that keeps `count` of them; none are kept for 0.
    pub fn start(count: usize) -> Result<Self, SandboxError> {
        if count == 0 {
            return Ok(Self { receiver: Mutex::new(None) });
        }
        let (sender, receiver) = mpsc::sync_channel(count);
        std::thread::Builder::new()
            .name("sandbox-netns".to_owned())
            .spawn(move || {
                // Ends when the receiver is dropped, or when the kernel refuses; runs then make their own.
                while let Ok(namespace) = make() {
                    if sender.send(namespace).is_err() {
                        return;
                    }
                }
            })
            .map_err(|source| SandboxError::io("start a thread for network namespaces", source))?;
        Ok(Self { receiver: Mutex::new(Some(receiver)) })
    }

    /// One that is ready; `None` when a run must make its own.
    pub fn take(&self) -> Option<OwnedFd> {
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.as_ref()?.try_recv().ok()
    }
}

/// Moves the calling thread into a new namespace and returns it.
pub(crate) fn make() -> std::io::Result<OwnedFd> {
    // SAFETY: only this thread's network namespace changes; the buffers are constant or of the size the call expects.
    unsafe {
        check(libc::unshare(libc::CLONE_NEWNET))?;
        let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        let fd = check(libc::socket(libc::AF_INET, flags, 0))?;
        let socket = OwnedFd::from_raw_fd(fd);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        check(libc::ioctl(fd, libc::SIOCSIFFLAGS as _, &raw const request))?;
        drop(socket);
        let path = c"/proc/thread-self/ns/net";
        let fd = check(libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}
