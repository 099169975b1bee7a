//! Containers as one image archive.

use std::collections::BTreeMap;
use std::sync::Arc;

use kukri_model::{Digest, Encoder};
use kukri_oci::export::{ExportImage, ExportOptions};
use kukri_oci::{Compression, ImageConfig, LayerInfo, MediaTypes, layer_out};
use kukri_solver::RunContext;
use kukri_store::Store;
use kukri_tree::{Editor, FileSource, Meta, Node, TreeId};

use super::{SolveContext, TreeHandle, Vertex, VertexOp, VertexValue};
use crate::error::{OpError, OrFail};

/// Name of the archive in the tree that comes out.
pub const FILE_NAME: &str = "container.tar";

/// One or more images, one per platform, in an archive.
pub struct Tarball {
    /// The images.
    pub images: Vec<TarImage>,
    /// All layers are compressed like this; `None` keeps those of base images and uses gzip for new ones.
    pub compression: Option<Compression>,
    /// Family of media types.
    pub media_types: MediaTypes,
}

/// One image of an archive.
pub struct TarImage {
    /// Its configuration.
    pub config: Arc<ImageConfig>,
    /// Annotations of its manifest.
    pub annotations: Arc<BTreeMap<String, String>>,
    /// Its root file system.
    pub rootfs: TreeHandle,
    /// The image below, whose layers are kept: the vertex that fetched it.
    pub base: Option<Arc<Vertex>>,
}

impl Tarball {
    /// Identity by recipe.
    #[must_use]
    pub fn recipe(&self) -> Digest {
        self.key(&mut |handle, key| handle.encode(key))
    }

    /// Identity by content.
    #[must_use]
    pub fn content_key(&self, trees: &[TreeId]) -> Digest {
        let mut trees = trees.iter();
        self.key(&mut |_, key| {
            if let Some(tree) = trees.next() {
                // Times are written into layers, so they count here.
                key.digest(&tree.stored);
            }
        })
    }

    fn key(&self, tree: &mut dyn FnMut(&TreeHandle, &mut Encoder)) -> Digest {
        let mut key = Encoder::new("kukri.tarball.v1");
        key.str(&format!("{:?} {:?}", self.compression, self.media_types)).list(self.images.len());
        for image in &self.images {
            key.bytes(&image.config.to_json()).list(image.annotations.len());
            for (name, value) in &*image.annotations {
                key.str(name).str(value);
            }
            tree(&image.rootfs, &mut key);
            match &image.base {
                Some(base) => key.digest(&base.digest),
                None => key.none(),
            };
        }
        key.finish()
    }

    /// The trees it needs: root file systems, then those of base images.
    #[must_use]
    pub fn trees(&self) -> Vec<TreeHandle> {
        let roots = self.images.iter().map(|image| image.rootfs.clone());
        let bases = self.images.iter().filter_map(|image| image.base.clone());
        roots.chain(bases.map(|base| TreeHandle::Output(base, super::Slot::Tree))).collect()
    }

    /// Visits the handles this holds.
    pub fn each_tree(&mut self, visit: &mut dyn FnMut(&mut TreeHandle)) {
        for image in &mut self.images {
            visit(&mut image.rootfs);
        }
    }

    /// Does it.
    pub async fn run(&self, trees: &[TreeId], run: &RunContext<Vertex>) -> Result<VertexValue, OpError> {
        let exports = self.exports(trees, &run.context).await?;
        let store = run.context.engine.store().clone();
        let options =
            ExportOptions { media_types: self.media_types, forced_compression: self.compression, name: None };
        crate::blocking(move || {
            let mut out = store.blob_writer();
            kukri_oci::export(&store, &exports, &options, &mut out).or_fail()?;
            let (blob, size) = out.finish().or_fail()?;
            single_file(&store, FILE_NAME, blob, size).map(VertexValue::Tree)
        })
        .await
    }

    /// The images with their layers. `trees` starts with their root file systems.
    pub async fn exports(
        &self,
        trees: &[TreeId],
        context: &SolveContext,
    ) -> Result<Vec<ExportImage>, OpError> {
        let mut images = Vec::with_capacity(self.images.len());
        for (image, tree) in self.images.iter().zip(trees) {
            let base = match &image.base {
                None => None,
                Some(vertex) => {
                    match context.engine.solver().solve(Arc::clone(vertex), context.clone()).await {
                        Ok(VertexValue::Image(base)) => Some(base),
                        Ok(_) => {
                            return Err(OpError::new("internal error: the base of an image is not an image"));
                        }
                        Err(error) => return Err(OpError::from_solve(error)),
                    }
                }
            };
            images.push((Arc::clone(&image.config), Arc::clone(&image.annotations), *tree, base));
        }
        let store = context.engine.store().clone();
        let (compression, media_types) = (self.compression, self.media_types);
        crate::blocking(move || {
            let mut exports = Vec::with_capacity(images.len());
            for (config, annotations, tree, base) in images {
                let base = base.as_ref().map(|base| (base.layers.as_slice(), base.tree));
                exports.push(ExportImage {
                    config: ImageConfig::clone(&config),
                    layers: layers(&store, base, tree, compression, media_types)?,
                    annotations: BTreeMap::clone(&annotations),
                });
            }
            Ok(exports)
        })
        .await
    }
}

/// The layers of the base image, and one with what differs from it.
fn layers(
    store: &Store,
    base: Option<(&[LayerInfo], TreeId)>,
    tree: TreeId,
    compression: Option<Compression>,
    media_types: MediaTypes,
) -> Result<Vec<LayerInfo>, OpError> {
    let (mut layers, below) = match base {
        Some((layers, below)) => (layers.to_vec(), below),
        None => (Vec::new(), store.put_empty_tree().or_fail()?),
    };
    if tree.content == below.content || (layers.is_empty() && tree.content == Node::empty().id().content) {
        return Ok(layers);
    }
    let added =
        layer_out(store, Some(&below), &tree, compression.unwrap_or_default(), media_types).or_fail()?;
    layers.extend(added);
    Ok(layers)
}

/// A tree with one file.
pub fn single_file(store: &Store, name: &str, blob: Digest, size: u64) -> Result<TreeId, OpError> {
    let mut editor = Editor::new(store, None).or_fail()?;
    editor.set_file(name, FileSource { blob, size, meta: Meta::new(0o644), link_group: 0 }).or_fail()?;
    let sealed = editor.finish().or_fail()?;
    store.put_nodes(sealed.nodes).or_fail()?;
    Ok(sealed.id)
}

/// The vertex of an archive.
#[must_use]
pub fn tarball(tarball: Tarball) -> Arc<Vertex> {
    Vertex::new(VertexOp::Tarball(Box::new(tarball)))
}
