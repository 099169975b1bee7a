//! Vertices as the solver sees them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use kukri_model::{Digest, Encoder};
use kukri_solver::{CacheKey, ContentKey, Op, RunContext};
use kukri_tree::TreeId;

use super::{TreeHandle, Vertex, VertexOp, VertexValue, tree_of};
use crate::engine::Engine;
use crate::error::OpError;
use crate::session::Session;
use crate::trace::Place;

/// What belongs to the request and not to the identity of a vertex.
#[derive(Clone)]
pub struct SolveContext {
    /// The engine.
    pub engine: Arc<Engine>,
    /// The session that asked first.
    pub session: Arc<Session>,
    /// The span that asked, where the client exports telemetry.
    pub trace: Option<Arc<Place>>,
}

impl Op for Vertex {
    type Value = VertexValue;
    type Error = OpError;
    type Context = SolveContext;

    fn definition(&self) -> Digest {
        self.digest
    }

    fn label(&self) -> String {
        Self::label(self)
    }

    fn kept_label(&self, context: &SolveContext) -> String {
        context.session.progress().mask(&Self::label(self))
    }

    fn inputs(&self) -> Vec<Arc<Self>> {
        self.trees()
            .into_iter()
            .filter_map(|handle| match handle {
                TreeHandle::Output(vertex, _) => Some(vertex),
                TreeHandle::Known(_) => None,
            })
            .collect()
    }

    fn key(&self, inputs: &[VertexValue]) -> CacheKey {
        let Some(trees) = self.values(inputs) else {
            return CacheKey::Uncacheable;
        };
        match &self.op {
            VertexOp::Edit(edit) => {
                let mut trees = trees.into_iter();
                let mut next = |handle: &TreeHandle, key: &mut Encoder| {
                    if let Some(tree) = trees.next() {
                        handle.encode_content(&tree, key);
                    }
                };
                let mut key = Encoder::new("kukri.edit.content.v1");
                let (base, chain) = edit.chain();
                next(base, &mut key);
                for edit in chain {
                    edit.step.encode(&mut key, &mut next);
                }
                let digest = key.finish();
                CacheKey::Content(ContentKey { digest, slot: digest, parts: Vec::new() })
            }
            VertexOp::Exec(exec) => CacheKey::Content(exec.content_key(&trees)),
            VertexOp::Pull(pull) => CacheKey::Content(pull.content_key()),
            VertexOp::Tarball(tarball) => CacheKey::Content(tarball.content_key(&trees)),
            VertexOp::Import(import) => CacheKey::Content(import.content_key(&trees)),
        }
    }

    fn same_listener(one: &SolveContext, other: &SolveContext) -> bool {
        Arc::ptr_eq(&one.session, &other.session)
    }

    fn weight(&self) -> u32 {
        u32::from(matches!(self.op, VertexOp::Exec(_)))
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<VertexValue>,
        run: RunContext<Self>,
    ) -> BoxFuture<'static, Result<VertexValue, OpError>> {
        Box::pin(async move {
            let trees = self.values(&inputs).ok_or_else(|| {
                OpError::new("internal error: an input has no tree in the slot that is asked for")
            })?;
            match &self.op {
                VertexOp::Edit(_) => {
                    let store = run.context.engine.store().clone();
                    let vertex = Arc::clone(&self);
                    crate::blocking(move || {
                        let VertexOp::Edit(edit) = &vertex.op else { unreachable!("matched above") };
                        super::edit_run::run(&store, edit, &trees)
                    })
                    .await
                    .map(VertexValue::Tree)
                }
                VertexOp::Exec(exec) => exec.run(&trees, &run).await,
                VertexOp::Pull(pull) => pull.run(&run).await,
                VertexOp::Tarball(tarball) => tarball.run(&trees, &run).await,
                VertexOp::Import(import) => import.run(&trees, &run).await,
            }
        })
    }
}

impl Vertex {
    /// The trees of [`Vertex::trees`], from the values of those that are outputs.
    fn values(&self, inputs: &[VertexValue]) -> Option<Vec<TreeId>> {
        let mut inputs = inputs.iter();
        self.trees()
            .iter()
            .map(|handle| match handle {
                TreeHandle::Known(tree) => Some(*tree),
                TreeHandle::Output(_, slot) => tree_of(inputs.next()?, *slot),
            })
            .collect()
    }
}
