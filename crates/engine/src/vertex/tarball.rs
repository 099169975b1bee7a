//! Containers as one image archive.

use std::collections::BTreeMap;
use std::sync::Arc;

use kukri_model::{Digest, Encoder};
use kukri_oci::export::{ExportImage, ExportOptions};
use kukri_oci::{Compression, ImageConfig, MediaTypes, Reference};
use kukri_solver::{ContentKey, RunContext};
use kukri_store::Store;
use kukri_tree::{Editor, FileSource, Meta, TreeId};

use super::layers::{self, LayerHistory, LayerStep, Times};
use super::{ImageOutput, SolveContext, TreeHandle, Vertex, VertexOp, VertexValue};
use crate::error::{OpError, OrFail};
use crate::transfer::{Meter, Metered, Work};

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
    /// Name of the image in the archive; `None`: it has none.
    pub name: Option<Reference>,
}

/// One image of an archive.
pub struct TarImage {
    /// Its configuration.
    pub config: Arc<ImageConfig>,
    /// Annotations of its manifest.
    pub annotations: Arc<BTreeMap<String, String>>,
    /// Its root file system: the image below, and the steps since.
    pub history: LayerHistory,
}

impl Tarball {
    /// Identity by recipe.
    #[must_use]
    pub fn recipe(&self) -> Digest {
        self.key(&mut |handle, key| handle.encode(key))
    }

    /// Identity by content, with its parts by name for the explanation of misses. `trees` are the values of
    /// [`Tarball::trees`].
    #[must_use]
    pub fn content_key(&self, trees: &[TreeId]) -> ContentKey {
        let mut left = trees.iter();
        let digest = self.key(&mut |_, key| {
            if let Some(tree) = left.next() {
                // Times are written into layers, so they count here.
                key.digest(&tree.stored);
            }
        });
        // An image of the same steps, whatever they left, is the same image.
        let mut slot = Encoder::new("kukri.tarball.slot.v1");
        let (mut layers, mut bases, mut configs) =
            (Encoder::new("layers"), Encoder::new("bases"), Encoder::new("configs"));
        let mut left = trees.iter();
        for image in &self.images {
            slot.list(image.history.steps.len());
            for (step, tree) in image.history.steps.iter().zip(left.by_ref()) {
                slot.str(&step.label);
                layers.digest(&tree.stored);
            }
            bases.opt_str(image.history.base.as_ref().map(|base| base.digest.to_string()).as_deref());
            configs.bytes(&image.config.to_json()).list(image.annotations.len());
            for (name, value) in &*image.annotations {
                configs.str(name).str(value);
            }
        }
        let mut options = Encoder::new("options");
        self.options(&mut options);
        let parts =
            [("layers", layers), ("base image", bases), ("configuration", configs), ("options", options)];
        let parts = parts.map(|(name, part)| (name.to_owned(), part.finish()));
        ContentKey { digest, slot: slot.finish(), parts: parts.into() }
    }

    fn options(&self, key: &mut Encoder) {
        key.str(&format!("{:?} {:?}", self.compression, self.media_types));
        key.opt_str(self.name.as_ref().map(Reference::to_string).as_deref());
    }

    fn key(&self, tree: &mut dyn FnMut(&TreeHandle, &mut Encoder)) -> Digest {
        let mut key = Encoder::new("kukri.tarball.v2");
        self.options(&mut key);
        key.list(self.images.len());
        for image in &self.images {
            key.bytes(&image.config.to_json()).list(image.annotations.len());
            for (name, value) in &*image.annotations {
                key.str(name).str(value);
            }
            key.list(image.history.steps.len());
            for step in &image.history.steps {
                key.str(&step.label).str(&format!("{:?}", step.times));
                tree(&step.tree, &mut key);
            }
            match &image.history.base {
                Some(base) => key.digest(&base.digest),
                None => key.none(),
            };
        }
        key.finish()
    }

    /// The trees it needs: what the steps left, image by image, then the base images.
    #[must_use]
    pub fn trees(&self) -> Vec<TreeHandle> {
        let steps = self.images.iter().flat_map(|image| image.history.trees()).cloned();
        let bases = self.images.iter().filter_map(|image| image.history.base.clone());
        steps.chain(bases.map(|base| TreeHandle::Output(base, super::Slot::Tree))).collect()
    }

    /// Visits the handles this holds.
    pub fn each_tree(&mut self, visit: &mut dyn FnMut(&mut TreeHandle)) {
        for image in &mut self.images {
            image.history.steps.iter_mut().for_each(|step| visit(&mut step.tree));
            if let Some(base) = image.history.base.take() {
                visit(&mut TreeHandle::Output(base, super::Slot::Tree));
            }
        }
    }

    /// Does it.
    pub async fn run(&self, trees: &[TreeId], run: &RunContext<Vertex>) -> Result<VertexValue, OpError> {
        let parts = self.parts(trees, &run.context).await?;
        let engine = &run.context.engine;
        let store = engine.store().clone();
        let options = ExportOptions {
            media_types: self.media_types,
            forced_compression: self.compression,
            name: self.name.clone(),
        };
        let meter = Arc::new(Meter::default());
        let counted = Arc::clone(&meter);
        let work = crate::blocking(move || {
            let exports = parts.pack(&store, &counted)?;
            let layers = exports.iter().flat_map(|export| &export.layers);
            let sizes: BTreeMap<_, _> = layers.map(|layer| (layer.digest, layer.size)).collect();
            counted.start(Work::Archive);
            counted.set_total(sizes.values().sum());
            let mut out = Metered::new(store.blob_writer(), &counted);
            kukri_oci::export(&store, &exports, &options, &mut out).or_fail()?;
            let (blob, size) = out.into_inner().finish().or_fail()?;
            single_file(&store, FILE_NAME, blob, size).map(VertexValue::Tree)
        });
        meter.watch(run.vertex, |event| engine.watchers().tell(run.vertex, event), work).await
    }

    /// The images, and what their layers are made of. `trees` starts with what their steps left.
    pub async fn parts(&self, trees: &[TreeId], context: &SolveContext) -> Result<Parts, OpError> {
        let mut images = Vec::with_capacity(self.images.len());
        let mut trees = trees.iter().copied();
        for image in &self.images {
            let base = match &image.history.base {
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
            let step = |step: &LayerStep| Some((trees.next()?, step.label.clone(), step.times));
            images.push(Part {
                config: Arc::clone(&image.config),
                annotations: Arc::clone(&image.annotations),
                steps: image.history.steps.iter().map_while(step).collect(),
                base,
            });
        }
        Ok(Parts { images, compression: self.compression, media_types: self.media_types })
    }
}

/// Images whose steps are done and whose layers are not made yet.
pub struct Parts {
    images: Vec<Part>,
    compression: Option<Compression>,
    media_types: MediaTypes,
}

struct Part {
    config: Arc<ImageConfig>,
    annotations: Arc<BTreeMap<String, String>>,
    steps: Vec<(TreeId, String, Times)>,
    base: Option<Arc<ImageOutput>>,
}

impl Parts {
    /// Makes the layers. `meter` counts what goes into them, and then starts anew for what is done with them. Blocks.
    pub fn pack(self, store: &Store, meter: &Meter) -> Result<Vec<ExportImage>, OpError> {
        meter.start(Work::Pack);
        let mut exports = Vec::with_capacity(self.images.len());
        for Part { config, annotations, steps, base } in self.images {
            let mut config = ImageConfig::clone(&config);
            let (base, history) = (base.as_deref(), &mut config.history);
            let layers =
                layers::write(store, base, &steps, self.compression, self.media_types, history, meter)?;
            exports.push(ExportImage { config, layers, annotations: BTreeMap::clone(&annotations) });
        }
        meter.start(Work::Transfer);
        Ok(exports)
    }
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
