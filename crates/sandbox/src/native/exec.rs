//! Executing the command: one path after another, as a shell searches `PATH`.
//!
//! Compiled into the init too: nothing but `core` and raw system calls.

use super::sys::syscall;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const EXECVE: usize = 59;
    pub const FACCESSAT: usize = 269;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const EXECVE: usize = 221;
    pub const FACCESSAT: usize = 48;
}

const ENOENT: isize = -2;
const EACCES: isize = -13;
const ENOTDIR: isize = -20;
const AT_FDCWD: usize = -100_isize as usize;

/// Why nothing could be executed.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ExecFailure {
    /// Positive errno of the path that tells most.
    pub errno: u32,
    /// Which of the paths it was.
    pub index: u32,
    /// Whether that path exists though the kernel said `ENOENT`: its interpreter is what is missing.
    pub exists: bool,
}

/// Executes the first of `paths` that can be; returns only when none can.
///
/// Goes on after "no such file" and "permission denied" as shells do, and then reports the denial if there was one.
///
/// # Safety
/// `paths` holds `count` pointers to strings, `argv` and `envp` are null-terminated arrays of strings.
pub unsafe fn exec_first(
    paths: *const *const u8,
    count: usize,
    argv: *const *const u8,
    envp: *const *const u8,
) -> ExecFailure {
    let mut failure = ExecFailure { errno: -ENOENT as u32, index: 0, exists: false };
    let mut index = 0;
    while index < count {
        // SAFETY: `index` is below `count`; the rest as the caller promises.
        let (path, result) = unsafe {
            let path = *paths.add(index);
            (path, syscall(number::EXECVE, [path as usize, argv as usize, envp as usize, 0, 0, 0]))
        };
        match result {
            ENOENT | ENOTDIR => {
                // SAFETY: `path` is a string.
                let found = unsafe { syscall(number::FACCESSAT, [AT_FDCWD, path as usize, 0, 0, 0, 0]) } == 0;
                if found && !failure.exists && failure.errno != -EACCES as u32 {
                    failure = ExecFailure { errno: -ENOENT as u32, index: index as u32, exists: true };
                }
            }
            EACCES => {
                if failure.errno != -EACCES as u32 {
                    failure = ExecFailure { errno: -EACCES as u32, index: index as u32, exists: true };
                }
            }
            other => return ExecFailure { errno: -other as u32, index: index as u32, exists: true },
        }
        index += 1;
    }
    failure
}
