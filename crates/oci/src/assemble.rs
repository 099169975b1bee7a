//! From images to the documents that describe them: configurations, manifests and, for several platforms, an index.

use std::collections::BTreeMap;

use kukri_model::Digest;
use kukri_store::Store;
use serde_json::json;

use crate::digest::Sha256Digest;
use crate::export::{ExportError, ExportImage, ExportOptions};
use crate::image::ImageConfig;
use crate::layer_out::{recompress, retyped};
use crate::manifest::{Descriptor, DescriptorPlatform, Index, Manifest};
use crate::pull::LayerInfo;

/// Where the bytes of a blob are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Bytes(Vec<u8>),
    Stored(Digest),
}

/// A document with the descriptor that points to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Document {
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Vec<u8>,
}

/// All that has to be written or pushed.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// One manifest per platform, in the order of the images.
    pub(crate) manifests: Vec<(Document, Manifest)>,
    /// The index, where there are several platforms.
    pub(crate) index: Option<Document>,
    /// Configurations and layers, with their lengths.
    pub(crate) blobs: BTreeMap<Sha256Digest, (u64, Source)>,
}

impl Assembly {
    /// What the name of the image stands for.
    pub(crate) fn root(&self) -> Option<&Document> {
        self.index.as_ref().or_else(|| self.manifests.first().map(|(document, _)| document))
    }
}

/// Makes the documents. Layers are compressed anew where `options` ask for it.
pub(crate) fn assemble(
    store: &Store,
    images: &[ExportImage],
    options: &ExportOptions,
) -> Result<Assembly, ExportError> {
    if images.is_empty() {
        return Err(ExportError::Nothing);
    }
    let media_types = options.media_types;
    let mut blobs = BTreeMap::new();
    let mut manifests: Vec<(Document, Manifest)> = Vec::with_capacity(images.len());
    for (at, image) in images.iter().enumerate() {
        if images[..at].iter().any(|other| other.config.platform == image.config.platform) {
            return Err(ExportError::DuplicatePlatform(image.config.platform.to_string()));
        }
        let layers = image
            .layers
            .iter()
            .map(|layer| match options.forced_compression {
                Some(compression) => recompress(store, layer, compression, media_types),
                None => Ok(retyped(layer, media_types)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let config = in_step(&image.config, &layers).to_json();
        let config_descriptor = Descriptor::of(media_types.config(), &config);
        blobs.insert(config_descriptor.digest, (config_descriptor.size, Source::Bytes(config)));
        for layer in &layers {
            blobs.insert(layer.digest, (layer.size, Source::Stored(layer.blob)));
        }
        let descriptor_of = |layer: LayerInfo| Descriptor {
            media_type: layer.media_type,
            digest: layer.digest,
            size: layer.size,
            platform: None,
            annotations: BTreeMap::new(),
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_types.manifest().to_owned()),
            config: config_descriptor,
            layers: layers.into_iter().map(descriptor_of).collect(),
            annotations: image.annotations.clone(),
        };
        let bytes = json_bytes(&manifest)?;
        let mut descriptor = Descriptor::of(media_types.manifest(), &bytes);
        descriptor.platform = Some(DescriptorPlatform::from(&image.config.platform));
        descriptor.annotations.clone_from(&image.annotations);
        manifests.push((Document { descriptor, bytes }, manifest));
    }
    let index = match manifests.len() {
        1 => None,
        _ => {
            let index = Index {
                schema_version: 2,
                media_type: Some(media_types.index().to_owned()),
                manifests: manifests.iter().map(|(document, _)| document.descriptor.clone()).collect(),
                annotations: BTreeMap::new(),
            };
            let bytes = json_bytes(&index)?;
            Some(Document { descriptor: Descriptor::of(media_types.index(), &bytes), bytes })
        }
    };
    Ok(Assembly { manifests, index, blobs })
}

pub(crate) fn json_bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, ExportError> {
    serde_json::to_vec(value).map_err(|error| ExportError::Io(error.into()))
}

/// The configuration with the digests of these layers, and with as many history entries as there are layers: tools
/// that read the history insist on that.
fn in_step(config: &ImageConfig, layers: &[LayerInfo]) -> ImageConfig {
    let mut config = config.clone();
    config.diff_ids = layers.iter().map(|layer| layer.diff_id).collect();
    let is_layer = |entry: &&serde_json::Value| entry["empty_layer"] != json!(true);
    let mut told = config.history.iter().filter(is_layer).count();
    if told > layers.len() {
        config.history.clear();
        told = 0;
    }
    for _ in told..layers.len() {
        config.history.push(json!({"created_by": "kukri"}));
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_has_as_many_entries_as_there_are_layers() {
        let layer = LayerInfo {
            media_type: String::new(),
            digest: Sha256Digest::of(b"a"),
            size: 1,
            diff_id: Sha256Digest::of(b"b"),
            blob: Digest::of(b"c"),
            tree: kukri_tree::Node::empty().id(),
        };
        let mut config = ImageConfig::empty("linux/amd64".parse().unwrap());
        config.history = vec![json!({"created_by": "x"}), json!({"created_by": "env", "empty_layer": true})];
        for (layers, expected) in [(0, 0), (1, 2), (3, 4)] {
            let config = in_step(&config, &vec![layer.clone(); layers]);
            assert_eq!((config.diff_ids.len(), config.history.len()), (layers, expected));
        }
    }
}
