//! `Query._tree`: what IDs of directories from outside are made of. No part of the schema: only IDs lead to it.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_model::Digest;
use kukri_tree::TreeId;

use super::Query;
use crate::args::ArgValue;
use crate::call::Call;
use crate::context::Cx;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::objects::directory::Directory;
use crate::operation::Run;

/// A directory by its contents.
#[derive(Operation)]
#[operation(on = "Query", returns = "Directory!", name = "_tree")]
pub struct Tree {
    /// Digest of all of it.
    stored: String,
    /// Digest without modification times.
    content: String,
}

impl Tree {
    /// The call that gives a tree.
    #[must_use]
    pub fn call(engine: &Engine, tree: TreeId) -> Option<Arc<Call>> {
        let digest = |digest: Digest| ArgValue::String(digest.to_string().into());
        let args = vec![("stored", digest(tree.stored)), ("content", digest(tree.content))];
        engine.pure_step(engine.root(), "Query", "_tree", args)
    }
}

impl Run for Tree {
    type On = Query;
    type Output = Directory;

    async fn run(self, _: Arc<Query>, cx: &Cx) -> Result<Directory, OpError> {
        let wrong = |text: &str| OpError::new(format!("{text:?} is not the digest of a tree"));
        let stored: Digest = self.stored.parse().map_err(|_| wrong(&self.stored))?;
        let content: Digest = self.content.parse().map_err(|_| wrong(&self.content))?;
        let store = cx.engine.store().clone();
        let there = crate::blocking(move || store.has_nodes(&[stored]).or_fail()).await?;
        if there.first() != Some(&true) {
            return Err(OpError::new(
                "the files behind this ID are no longer in the engine's store: take them from their source again",
            ));
        }
        Ok(Directory::of(TreeId { stored, content }))
    }
}
