//! Errors of calls over the link.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What kind of failure the other side reports. Unknown codes of newer versions read as [`ErrorCode::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// No such file, variable, …
    NotFound,
    /// A file where a directory is needed.
    NotADirectory,
    /// A directory where a file is needed.
    IsADirectory,
    /// The client's user may not do this.
    PermissionDenied,
    /// An argument is not valid.
    Invalid,
    /// The other side does not know this kind of request: it is older.
    Unsupported,
    /// A file kept changing while it was read.
    Changed,
    /// The caller took the request back.
    Cancelled,
    /// Everything else.
    #[serde(other)]
    Other,
}

/// A failure on the other side of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    /// Its kind.
    pub code: ErrorCode,
    /// For people; complete, with the path where there is one.
    pub message: String,
}

impl RemoteError {
    /// A failure of this kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A failed file operation: `verb` as in "read", "write".
    pub(crate) fn io(verb: &str, path: &Path, error: &io::Error) -> Self {
        let path = path.display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                Self::new(ErrorCode::NotFound, format!("{path}: no such file or directory"))
            }
            io::ErrorKind::NotADirectory => {
                Self::new(ErrorCode::NotADirectory, format!("path {path} is a file, not a directory"))
            }
            io::ErrorKind::IsADirectory => {
                Self::new(ErrorCode::IsADirectory, format!("path {path} is a directory, not a file"))
            }
            io::ErrorKind::PermissionDenied => {
                Self::new(ErrorCode::PermissionDenied, format!("cannot {verb} {path}: permission denied"))
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::new(ErrorCode::Other, format!("cannot {verb} {path}: {error}; free space on that disk"))
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::new(
                ErrorCode::PermissionDenied,
                format!("cannot {verb} {path}: {error}; choose a path that can be written to"),
            ),
            _ => Self::new(ErrorCode::Other, format!("cannot {verb} {path}: {error}")),
        }
    }
}

/// Why a request over the link failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The connection has ended; nothing more can be asked.
    #[error("the connection between client and engine has ended")]
    Closed,
    /// The other side could not do it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The other side does not keep to the protocol.
    #[error("the other side broke the session protocol: {0}")]
    Protocol(String),
    /// This side's own sink or source failed: the engine's store, in practice.
    #[error(transparent)]
    Local(Box<dyn std::error::Error + Send + Sync>),
}

impl SessionError {
    /// The code, when the other side reported the failure.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Remote(error) => Some(error.code),
            _ => None,
        }
    }

    pub(crate) fn protocol(reason: impl Into<String>) -> Self {
        Self::Protocol(reason.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_newer_versions_are_read() {
        let error: RemoteError =
            serde_json::from_str(r#"{"code":"from-the-future","message":"m","extra":1}"#).unwrap();
        assert_eq!(error.code, ErrorCode::Other);
    }

    #[test]
    fn io_errors_name_the_path() {
        let error = RemoteError::io("read", Path::new("/x/y"), &io::ErrorKind::NotFound.into());
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::NotFound, "/x/y: no such file or directory")
        );
    }
}
