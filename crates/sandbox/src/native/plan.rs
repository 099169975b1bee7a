//! The plan of a start: everything the child will do, as data in memory that exists before the child does.
//!
//! The child shares the engine's memory and may neither allocate nor take locks, so a plan holds finished strings,
//! masks and filters, and the child ([`super::child`]) only walks it.

use std::cell::{Cell, UnsafeCell};
use std::ffi::CString;
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32};

use super::exec::ExecFailure;

/// What happens between the clone and the execution of the command.
pub struct Plan {
    /// In the order of doing.
    pub ops: Vec<Op>,
    /// What each op is called in an error, by index.
    pub labels: Vec<Label>,
    /// Flags of the clone, without those that every clone has.
    pub clone_flags: u64,
    /// Descriptors that ops name by number; closed after the start.
    pub keep: Vec<OwnedFd>,
    /// Descriptors made in the child, by slot.
    pub slots: Vec<Cell<RawFd>>,
    /// Paths that the child may have to create, outermost first; marked when it did.
    pub created: Vec<(PathBuf, AtomicBool)>,
    /// How the command is executed.
    pub exec: Exec,
    /// Where the child leaves its failure.
    pub outcome: Outcome,
}

/// How the command is executed.
pub struct Exec {
    /// Paths to try.
    pub paths: Strings,
    /// Its arguments.
    pub argv: Strings,
    /// Its environment.
    pub envp: Strings,
    /// The init and its arguments, when there is one.
    pub init: Option<(RawFd, Strings)>,
}

/// Written by the child, read by the engine after the child has left its memory.
pub struct Outcome {
    /// Negative errno of the op that failed; 0 when none did.
    pub error: AtomicI32,
    /// Which op.
    pub op: AtomicU32,
    /// Why the command could not be executed.
    pub exec: UnsafeCell<Option<ExecFailure>>,
}

impl Outcome {
    /// Nothing has failed.
    pub fn new() -> Self {
        Self { error: AtomicI32::new(0), op: AtomicU32::new(0), exec: UnsafeCell::new(None) }
    }
}

/// A null-terminated array of strings, as `execve` takes it.
pub struct Strings {
    owned: Vec<CString>,
    pointers: Vec<*const u8>,
}

impl Strings {
    /// The array of these strings.
    pub fn new(owned: Vec<CString>) -> Self {
        let pointers =
            owned.iter().map(|text| text.as_ptr().cast()).chain(std::iter::once(std::ptr::null())).collect();
        Self { owned, pointers }
    }

    /// For the kernel.
    pub fn as_ptr(&self) -> *const *const u8 {
        self.pointers.as_ptr()
    }

    /// How many strings.
    pub fn len(&self) -> usize {
        self.owned.len()
    }

    /// The strings.
    pub fn strings(&self) -> &[CString] {
        &self.owned
    }
}

// SAFETY: the raw pointers point into the `CString`s' own heap memory, which moves with their owner; the cells are
// touched by one thread at a time: the one that prepares, then the one that launches, whose child runs while it waits.
unsafe impl Send for Plan {}

/// A path in the container and what is needed to create it.
pub struct Target {
    /// Relative to the root, without leading slash; `.` for the root itself.
    pub path: CString,
    /// Its ancestors and itself, outermost first: path, and index into [`Plan::created`] if that is to be told.
    pub steps: Vec<(CString, Option<usize>)>,
    /// Whether the last step is a file rather than a directory.
    pub file: bool,
}

/// A parameter of a file system being made.
pub struct Parameter {
    /// Name.
    pub key: CString,
    /// Value; a flag without.
    pub value: Option<CString>,
}

/// An entry made in a fresh tmpfs before it is attached.
pub enum Node {
    /// A device, with the permissions in `mode`.
    Device {
        /// File name.
        name: CString,
        /// Type and permission bits.
        mode: u32,
        /// Device number.
        device: u64,
        /// Owner and group.
        owner: (u32, u32),
    },
    /// A symbolic link.
    Link {
        /// File name.
        name: CString,
        /// Where it points.
        target: CString,
    },
}

/// One step of the child.
pub enum Op {
    /// Writes bytes to an open file: joins a control group.
    Write { fd: RawFd, bytes: &'static [u8] },
    /// Writes a file by path: sysctl, OOM score.
    WriteFile { path: CString, bytes: Vec<u8> },
    /// Leaves namespaces of the given kinds for new ones.
    Unshare { flags: u64 },
    /// Enters a namespace.
    Enter { fd: RawFd, kind: u32 },
    /// Brings the loopback interface up.
    Loopback,
    /// Attaches a tree of files to inject in a hidden place and clones each of them into a slot.
    CloneFiles { tree: RawFd, names: Vec<(CString, usize)> },
    /// Makes the mount the root and forgets the former one.
    Root { fd: RawFd },
    /// Attaches a mount that the engine made.
    Attach { fd: RawFd, target: Target },
    /// Attaches a mount from a slot.
    AttachSlot { slot: usize, target: Target },
    /// Makes a file system and attaches it.
    Mount { kind: CString, parameters: Vec<Parameter>, attributes: u64, nodes: Vec<Node>, target: Target },
    /// Makes a file system and keeps it in a slot.
    Make { kind: CString, parameters: Vec<Parameter>, attributes: u64, slot: usize },
    /// Creates a device node by path.
    DeviceNode { path: CString, mode: u32, device: u64, owner: (u32, u32) },
    /// Creates a symbolic link by path.
    Link { path: CString, target: CString },
    /// Changes the propagation of a mount.
    Propagation { path: CString, flags: u64 },
    /// Hides a path: files behind the null device, directories behind an empty one. `slot` keeps that one.
    Mask { path: CString, slot: usize },
    /// Makes a path read-only.
    Readonly { path: CString },
    /// Makes the root mount read-only.
    RootReadonly,
    /// Sets host or domain name (the number is that of the system call).
    Name { call: i64, name: CString },
    /// Goes to the working directory, making it for the given owner where it is missing.
    Workdir { target: Target, owner: (u32, u32) },
    /// Takes the three standard descriptors and, for the init, the report pipe; marks all others to be closed.
    Stdio { fds: [RawFd; 3], report: Option<RawFd> },
    /// A session of its own, with the terminal on standard input as controlling one.
    Session { terminal: bool },
    /// File mode creation mask.
    Umask(u32),
    /// A resource limit.
    Limit { resource: u32, soft: u64, hard: u64 },
    /// Drops a capability from the bounding set.
    DropBounding { last: u32, keep: u64 },
    /// User, groups and capabilities.
    Credentials { uid: u32, gid: u32, groups: Vec<u32>, capabilities: CapabilityMasks },
    /// Dies with the engine.
    DieWithParent,
    /// No privileges from set-user-id files.
    NoNewPrivileges,
    /// The system call filter.
    Seccomp { filter: std::sync::Arc<Vec<libc::sock_filter>>, flags: u32 },
}

/// Capability sets as masks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct CapabilityMasks {
    /// What `execve` may keep or give.
    pub bounding: u64,
    /// In force.
    pub effective: u64,
    /// Can be put in force.
    pub permitted: u64,
    /// Kept by files that ask for it.
    pub inheritable: u64,
    /// Kept across `execve` without file capabilities.
    pub ambient: u64,
}

/// How an op is named in an error.
#[derive(Clone, Debug)]
pub enum Label {
    /// A mount of something on a path.
    Mount(String, PathBuf),
    /// The working directory.
    Workdir(String),
    /// Any other stage, with what it was done to.
    Stage(&'static str, Option<String>),
}
