//! What an operation can reach while it runs: the engine, the caller's session, the call itself.

use std::sync::Arc;

use kukri_tree::TreeId;

use crate::call::Call;
use crate::engine::Engine;
use crate::error::OpError;
use crate::session::Session;
use crate::vertex::{SolveContext, TreeHandle, Vertex, VertexValue};

/// Passed to every operation.
pub struct Cx {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The session of the client that asks.
    pub session: Arc<Session>,
    /// The call that is being evaluated.
    pub call: Arc<Call>,
}

impl Cx {
    /// The call that made the object on which this operation is called: what `sync` gives back.
    pub fn receiver(&self) -> Result<Arc<Call>, OpError> {
        self.call.receiver.clone().ok_or_else(|| OpError::new("internal error: a call without a receiver"))
    }

    /// The call describes this work: where the client exports telemetry, its span names the call when it is done.
    pub fn describes(&self, vertex: &Vertex) {
        if let Some(trace) = self.session.progress().trace() {
            trace.describes(&vertex.digest, &self.call);
        }
    }

    /// What vertices get along that are computed for this call.
    #[must_use]
    pub fn solve_context(&self) -> SolveContext {
        SolveContext {
            engine: Arc::clone(&self.engine),
            session: Arc::clone(&self.session),
            trace: crate::trace::current(),
        }
    }

    /// Computes a vertex.
    pub async fn solve(&self, vertex: &Arc<Vertex>) -> Result<VertexValue, OpError> {
        if let Some(value) = vertex.known() {
            return Ok(value.clone());
        }
        let context = self.solve_context();
        let value =
            self.engine.solver().solve(Arc::clone(vertex), context).await.map_err(OpError::from_solve)?;
        vertex.learn(value.clone());
        Ok(value)
    }

    /// Computes a tree.
    pub async fn tree(&self, handle: &TreeHandle) -> Result<TreeId, OpError> {
        match handle {
            TreeHandle::Known(tree) => Ok(*tree),
            TreeHandle::Output(vertex, slot) => {
                let value = self.solve(vertex).await?;
                crate::vertex::tree_of(&value, *slot).ok_or_else(|| {
                    OpError::new("internal error: a vertex has no tree in the slot that is asked for")
                })
            }
        }
    }
}
