//! What an operation can reach while it runs: the engine, the caller's session, the call itself.

use std::sync::Arc;

use crate::call::Call;
use crate::engine::Engine;
use crate::session::Session;

/// Passed to every operation.
pub struct Cx {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The session of the client that asks.
    pub session: Arc<Session>,
    /// The call that is being evaluated.
    pub call: Arc<Call>,
}
