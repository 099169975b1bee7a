//! Images into trees: from a registry, or from a tar.

use std::sync::Arc;

use kukri_model::{Digest, Encoder, Platform};
use kukri_oci::{RegistryClient, Resolved};
use kukri_solver::{ContentKey, RunContext};
use kukri_tree::TreeId;

use super::edit::Source;
use super::pull_report::PullReport;
use super::{ImageOutput, TreeHandle, Vertex, VertexValue};
use crate::error::{OpError, OrFail};
use crate::vertex::edit_run::file_at;

/// Fetches and unpacks an image.
pub struct Pull {
    /// The reference with its digest.
    pub reference: String,
    /// What was found at the registry.
    pub resolved: Arc<Resolved>,
    /// With the credentials of the session that resolved it.
    pub client: RegistryClient,
}

impl Pull {
    /// The same manifest is the same image, wherever it comes from.
    #[must_use]
    pub fn recipe(&self) -> Digest {
        Encoder::new("kukri.pull.v1").str(&self.resolved.manifest_digest.to_string()).finish()
    }

    /// Its identity, with its parts by name for the explanation of misses.
    #[must_use]
    pub fn content_key(&self) -> ContentKey {
        let name = self.reference.split_once('@').map_or(&*self.reference, |(name, _)| name);
        let slot =
            Encoder::new("kukri.pull.slot.v1").str(name).str(&self.resolved.platform.to_string()).finish();
        let manifest = Digest::of(self.resolved.manifest_digest.to_string().as_bytes());
        ContentKey { digest: self.recipe(), slot, parts: vec![("digest".to_owned(), manifest)] }
    }

    /// Does it.
    pub async fn run(&self, run: &RunContext<Vertex>) -> Result<VertexValue, OpError> {
        let store = run.context.engine.store();
        let progress = PullReport::new(run.context.engine.watchers(), run.vertex);
        let image = kukri_oci::pull(&self.client, store, &self.resolved, &progress).await.or_fail()?;
        Ok(VertexValue::Image(Arc::new(ImageOutput {
            tree: image.tree,
            config: image.config,
            platform: self.resolved.platform.clone(),
            layers: image.layers,
            annotations: image.annotations,
        })))
    }
}

/// Reads an image from a tar.
pub struct Import {
    /// The tree that has the tar.
    pub source: TreeHandle,
    /// Path of the tar in it.
    pub path: Arc<str>,
    /// Which image; empty: the only one.
    pub tag: String,
    /// For which platform.
    pub platform: Platform,
}

impl Import {
    /// Identity by recipe.
    #[must_use]
    pub fn recipe(&self) -> Digest {
        let mut key = self.key();
        self.source.encode(&mut key);
        key.finish()
    }

    /// Identity by content, with its parts by name for the explanation of misses. `trees` are the values of
    /// [`Vertex::trees`].
    #[must_use]
    pub fn content_key(&self, trees: &[TreeId]) -> ContentKey {
        let (mut key, mut archive) = (self.key(), Encoder::new("archive"));
        for tree in trees {
            key.digest(&tree.content);
            archive.digest(&tree.content);
        }
        let parts = vec![("archive".to_owned(), archive.finish())];
        ContentKey { digest: key.finish(), slot: self.key().str("slot").finish(), parts }
    }

    fn key(&self) -> Encoder {
        let mut key = Encoder::new("kukri.import.v2");
        key.str(&self.path).str(&self.tag).str(&self.platform.to_string());
        key
    }

    /// Does it.
    pub async fn run(&self, trees: &[TreeId], run: &RunContext<Vertex>) -> Result<VertexValue, OpError> {
        let (engine, vertex) = (Arc::clone(&run.context.engine), run.vertex);
        let store = engine.store().clone();
        let tree =
            *trees.first().ok_or_else(|| OpError::new("internal error: an import without a source"))?;
        let source = Source { tree: TreeHandle::Known(tree), path: Arc::clone(&self.path) };
        let (platform, tag) = (self.platform.clone(), self.tag.clone());
        crate::blocking(move || {
            let entry = file_at(&store, &tree, &source)?;
            let kukri_tree::EntryKind::File { blob, .. } = entry else {
                return Err(OpError::new(format!("{}: not a regular file", source.path)));
            };
            let archive = store.open_blob(&blob).or_fail()?;
            let tag = (!tag.is_empty()).then_some(tag.as_str());
            let progress = PullReport::new(engine.watchers(), vertex);
            let image = kukri_oci::import(&store, archive, &platform, tag, &progress).or_fail()?;
            Ok(VertexValue::Image(Arc::new(ImageOutput {
                tree: image.tree,
                platform: image.config.platform.clone(),
                config: image.config,
                layers: image.layers,
                annotations: image.annotations,
            })))
        })
        .await
    }
}
