//! Why a container could not be run: the stage, the path, and what to do next where that is known.

use std::io;
use std::path::PathBuf;

/// A run that did not come to an exit status of the command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No file of that name in the container.
    #[error("command not found: {command:?}{}", searched_text(searched))]
    CommandNotFound {
        /// The first argument.
        command: String,
        /// Directories of the container's `PATH` that were tried; empty when the command contains a slash.
        searched: Vec<String>,
    },
    /// The file exists but may not be executed.
    #[error("permission denied: {path} is not executable in the container ({source})")]
    NotExecutable {
        /// Path in the container.
        path: String,
        /// The kernel's word, usually `EACCES`.
        source: io::Error,
    },
    /// The file exists, but the interpreter or dynamic loader it names does not.
    #[error("cannot execute {path}: its interpreter {} does not exist in the container", interpreter.as_deref().unwrap_or("or dynamic loader"))]
    MissingInterpreter {
        /// Path in the container.
        path: String,
        /// What the file's `#!` line or ELF header names, where it could be read.
        interpreter: Option<String>,
    },
    /// Neither a program for this machine nor a script with a `#!` line.
    #[error("cannot execute {path}: not a program for this machine, nor a script which starts with \"#!\"")]
    WrongFormat {
        /// Path in the container.
        path: String,
    },
    /// The kernel takes only so much.
    #[error(
        "the command is too long for the kernel: its arguments and variables have {bytes} bytes, the longest of them \
         {longest}; one may have 131071, all together about 2 MB: pass large values in a file or by standard input"
    )]
    TooLong {
        /// All arguments and variables with the zeros that end them.
        bytes: usize,
        /// The longest of them.
        longest: usize,
    },
    /// The working directory cannot be made or entered.
    #[error("working directory {path} cannot be used: {source}")]
    Workdir {
        /// Path in the container.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A mount failed.
    #[error("cannot mount {what} on {}: {source}{}", target.display(), unfit(target, source))]
    Mount {
        /// File system type, or the source of a bind mount.
        what: String,
        /// Path in the container.
        target: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another step of preparing the container failed.
    #[error("preparing the container failed at {stage}{}: {source}", path.as_ref().map(|path| format!(" ({path})")).unwrap_or_default())]
    Stage {
        /// The step, such as `pivot_root`.
        stage: &'static str,
        /// What it was done to, where that is a path or a name.
        path: Option<String>,
        /// Why.
        source: io::Error,
    },
    /// The request asks for what cannot be done.
    #[error("invalid container spec: {field}: {problem}")]
    Spec {
        /// Field of the OCI spec or of the request.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The kernel or the machine lacks something.
    #[error("{feature} is not available here: {next}")]
    Unsupported {
        /// What is needed.
        feature: String,
        /// What to change.
        next: String,
    },
    /// The container's network could not be set up.
    #[error(transparent)]
    Network(#[from] crate::network::NetworkError),
    /// The container's control group could not be set up.
    #[error(transparent)]
    Cgroup(#[from] crate::cgroup::CgroupError),
    /// An OCI runtime failed.
    #[error(transparent)]
    OciRuntime(#[from] crate::oci_runtime::OciRuntimeError),
    /// Anything else that touches the host's files.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl SandboxError {
    /// An [`SandboxError::Io`] while doing something.
    pub fn io(doing: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { doing: doing.into(), source: source.into() }
    }

    /// An [`SandboxError::Spec`].
    pub fn spec(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Spec { field: field.into(), problem: problem.into() }
    }
}

/// Why a mount may have been refused.
pub(crate) const UNFIT: &str = "; a directory can only be mounted on a directory, a file on a file, and what leads there must be directories";

/// What may be the matter where the kernel only says that it does not work.
fn unfit(target: &std::path::Path, source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EINVAL | libc::ENOTDIR) if target != std::path::Path::new("/") => UNFIT,
        _ => "",
    }
}

fn searched_text(searched: &[String]) -> String {
    if searched.is_empty() { String::new() } else { format!(" (looked in {})", searched.join(", ")) }
}
