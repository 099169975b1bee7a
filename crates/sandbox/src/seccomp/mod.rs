//! System call filters: the default profile, and any OCI profile as a program for the kernel.

mod compile;
mod numbers;
mod profile;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use oci_spec::runtime::LinuxSeccomp;

use crate::SandboxError;

pub use compile::compile;
pub use profile::default_profile;

/// A filter for the kernel.
pub type Filter = Arc<Vec<libc::sock_filter>>;

/// How many compiled filters are kept. An engine uses two or three.
const KEPT: usize = 8;

/// Compiled filters by their profile.
#[derive(Default)]
pub struct Cache {
    kept: Mutex<Vec<(LinuxSeccomp, Filter)>>,
}

impl Cache {
    /// The profile compiled, from memory if it was compiled before.
    ///
    /// # Errors
    /// [`SandboxError::Spec`] when the profile asks for what we do not do.
    pub fn compiled(&self, profile: &LinuxSeccomp) -> Result<Filter, SandboxError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, filter)) = kept.iter().find(|(known, _)| known == profile) {
            return Ok(Arc::clone(filter));
        }
        let filter = Arc::new(compile(profile)?);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((profile.clone(), Arc::clone(&filter)));
        Ok(filter)
    }
}

/// Whether the kernel has system call filters.
///
/// # Errors
/// [`SandboxError::Unsupported`] with what to change.
pub fn supported() -> Result<(), SandboxError> {
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads four bytes.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    if result == 0 {
        return Ok(());
    }
    Err(SandboxError::Unsupported {
        feature: format!("filtering system calls ({})", io::Error::last_os_error()),
        next: "a kernel with CONFIG_SECCOMP_FILTER is needed".to_owned(),
    })
}
