//! What the init tells the engine, through a pipe that the command never sees.
//!
//! Compiled into the init too.

/// One record; written at once, so it arrives whole.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Record {
    /// What it says: one of the `TAG` constants.
    pub tag: u32,
    /// Raw wait status, or errno.
    pub value: u32,
    /// Which path could not be executed.
    pub index: u32,
    /// Whether that path exists.
    pub exists: u32,
}

/// The command runs.
pub const TAG_STARTED: u32 = 0x6b75_0001;
/// The command could not be executed; `value` is the errno.
pub const TAG_EXEC_FAILED: u32 = 0x6b75_0002;
/// The init could not make a process; `value` is the errno.
#[allow(dead_code, reason = "only the init, which compiles this file too, uses it")]
pub const TAG_CLONE_FAILED: u32 = 0x6b75_0003;
/// The command ended; `value` is the raw wait status.
pub const TAG_ENDED: u32 = 0x6b75_0004;

/// The descriptor on which the init finds the pipe.
pub const REPORT_FD: usize = 3;
