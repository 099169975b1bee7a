//! What to run: [`RunRequest`].

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use oci_spec::runtime::Spec;

use crate::OnLoopback;

/// One process tree to run.
pub struct RunRequest {
    /// Unique among the runs alive on this machine; names bundles and control groups. Letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// Everything the OCI runtime spec can say. `root.path` and `process.terminal` are not read: the root is
    /// [`RunRequest::rootfs`], and a terminal is one that [`RunRequest::stdin`] holds.
    /// Mounts of type `overlay` take `lowerdir=`, `upperdir=`, `workdir=`.
    pub spec: Spec,
    /// The root file system.
    pub rootfs: Rootfs,
    /// Small files to be seen in the container at fixed paths, on a tmpfs of their own.
    pub files: Vec<InjectedFile>,
    /// How much of a network the container sees.
    pub network: NetworkMode,
    /// Takes a port on the container's loopback interface; none: no port is opened.
    pub loopback: Option<OnLoopback>,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error.
    pub stderr: OwnedFd,
    /// Whether all is counted of what the run uses, also where that costs something: see [`crate::Usage`].
    pub count: bool,
    /// Whether PID 1 is an init which reaps orphans and forwards signals; else the command itself is PID 1.
    pub init: bool,
}

/// Where the root file system comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rootfs {
    /// An overlay made for this run.
    Overlay {
        /// Read-only layers, topmost first; at least one.
        lowers: Vec<PathBuf>,
        /// Takes what the run writes.
        upper: PathBuf,
        /// Empty directory on the file system of `upper`, fresh for each run.
        work: PathBuf,
        /// Keep overlay's marks in `user.` attributes, which an unprivileged user namespace can write.
        userxattr: bool,
    },
    /// A directory as it is.
    Bind(PathBuf),
}

/// A file put into the container without touching its root file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InjectedFile {
    /// Absolute path in the container.
    pub path: PathBuf,
    /// What it holds.
    pub source: FileSource,
    /// Owner in the container.
    pub uid: u32,
    /// Group in the container.
    pub gid: u32,
    /// Permission bits, such as `0o644`.
    pub mode: u32,
}

/// What an [`InjectedFile`] holds.
#[derive(Clone, PartialEq, Eq)]
pub enum FileSource {
    /// These bytes; may be a secret.
    Content(Vec<u8>),
    /// A file of the host, bound read-only with the owner and mode it has there.
    Host(PathBuf),
}

impl std::fmt::Debug for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Content(bytes) => write!(f, "Content({} bytes)", bytes.len()),
            Self::Host(path) => f.debug_tuple("Host").field(path).finish(),
        }
    }
}

/// How much of a network a container sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NetworkMode {
    /// A network namespace with an address on the engine's bridge.
    #[default]
    Bridge,
    /// A network namespace with nothing but `lo`.
    None,
    /// The engine's own network.
    Host,
}

/// Standard input of a run.
#[derive(Debug, Default)]
pub enum Stdin {
    /// Empty.
    #[default]
    Null,
    /// An open file, pipe, socket or terminal. A terminal becomes the controlling one.
    File(OwnedFd),
    /// These bytes.
    Bytes(Vec<u8>),
}
