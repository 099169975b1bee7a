//! Why an operation failed, as its caller sees it.

use std::sync::Arc;

use kukri_model::Digest;

/// A command that ended with a status its caller did not expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecError {
    /// The final argument vector: entrypoint prepended, variables expanded.
    pub cmd: Vec<String>,
    /// Exit status; 128 + n after signal n; -1 if it could not be read.
    pub exit_code: i32,
    /// The last 100 KiB of standard output, trimmed, secrets replaced.
    pub stdout: String,
    /// The last 100 KiB of standard error, trimmed, secrets replaced.
    pub stderr: String,
    /// Number of the run in progress events.
    pub step: u64,
    /// Which vertex it was, by its recipe.
    pub recipe: Digest,
    /// What else is known, in words (for instance that the command was killed for memory).
    pub note: Option<String>,
}

/// Why an operation failed. Cheap to clone: all callers that wait for the same work get the same error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpError {
    /// A command failed.
    #[error("exit code: {}{}", .0.exit_code, .0.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default())]
    Exec(Arc<ExecError>),
    /// Anything else, in words that name the thing and the next step.
    #[error("{0}")]
    Message(Arc<str>),
    /// Nobody waits for the result any more.
    #[error("cancelled")]
    Cancelled,
}

impl OpError {
    /// An error in words.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into().into())
    }
}

/// Shortens `map_err` for errors of the layers below, whose texts are written for the user already.
pub trait OrFail<T> {
    /// The error's text as an [`OpError`].
    fn or_fail(self) -> Result<T, OpError>;
}

impl<T, E: std::fmt::Display> OrFail<T> for Result<T, E> {
    fn or_fail(self) -> Result<T, OpError> {
        self.map_err(|error| OpError::new(error.to_string()))
    }
}

impl OpError {
    /// What the solver says, for the user.
    #[must_use]
    pub fn from_solve(error: kukri_solver::SolveError<Self>) -> Self {
        match error {
            kukri_solver::SolveError::Failed { error, .. } => error,
            other => Self::new(other.to_string()),
        }
    }
}
