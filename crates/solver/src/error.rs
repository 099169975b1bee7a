//! Why a vertex has no value.

use std::sync::Arc;

use kukri_model::Digest;

/// Why a vertex has no value: it failed, or one that it needs.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SolveError<E> {
    /// The operation says so.
    #[error("{label}: failed: {error:?}")]
    Failed {
        /// Label of the vertex that failed.
        label: Arc<str>,
        /// Its definition.
        definition: Digest,
        /// What it says.
        error: E,
    },
    /// The operation (or a part of the engine that the solver called for it) panicked: a bug there.
    #[error("{label}: internal error: {message}")]
    Panicked {
        /// Label of the vertex.
        label: Arc<str>,
        /// Its definition.
        definition: Digest,
        /// The panic's message.
        message: String,
    },
    /// Nobody waited for it any more. Only an observer ever sees this.
    #[error("{label}: cancelled")]
    Cancelled {
        /// Label of the vertex.
        label: Arc<str>,
        /// Its definition.
        definition: Digest,
    },
    /// The runtime in which it ran was shut down.
    #[error("{label}: the engine is shutting down")]
    ShutDown {
        /// Label of the vertex.
        label: Arc<str>,
        /// Its definition.
        definition: Digest,
    },
}

impl<E> SolveError<E> {
    /// Definition of the vertex that failed.
    pub const fn definition(&self) -> &Digest {
        match self {
            Self::Failed { definition, .. }
            | Self::Panicked { definition, .. }
            | Self::Cancelled { definition, .. }
            | Self::ShutDown { definition, .. } => definition,
        }
    }

    /// What the operation said, if it was the operation.
    pub const fn error(&self) -> Option<&E> {
        match self {
            Self::Failed { error, .. } => Some(error),
            Self::Panicked { .. } | Self::Cancelled { .. } | Self::ShutDown { .. } => None,
        }
    }
}
