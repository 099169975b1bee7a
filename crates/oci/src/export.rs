//! Images as one tar: an OCI layout that `docker load` reads as well.

use std::collections::BTreeMap;
use std::io::Write;

use kukri_model::{Digest, Platform};
use kukri_store::{Store, StoreError};
use kukri_tree::Meta;
use serde_json::json;

use crate::assemble::{Assembly, Document, Source, assemble, json_bytes};
use crate::digest::Sha256Digest;
use crate::image::ImageConfig;
use crate::layer_out::{Compression, LayerError};
use crate::manifest::{DescriptorPlatform, Index, Manifest, MediaTypes, REF_NAME, media};
use crate::pull::LayerInfo;
use crate::reference::Reference;
use crate::tar_read::Kind;
use crate::tar_write::TarWriter;

/// One image (one platform) that goes out.
#[derive(Clone, PartialEq, Debug)]
pub struct ExportImage {
    /// Its configuration. `diff_ids` are set from `layers`; `history` is brought into step with them.
    pub config: ImageConfig,
    /// Its layers, the base first.
    pub layers: Vec<LayerInfo>,
    /// Annotations of its manifest and of the descriptor that points to it.
    pub annotations: BTreeMap<String, String>,
}

/// How images go out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExportOptions {
    /// Family of media types. Default: OCI.
    pub media_types: MediaTypes,
    /// Compress all layers like this. `None`: keep layers as they are.
    pub forced_compression: Option<Compression>,
    /// Name of the image in the archive. `None`: it has none.
    pub name: Option<Reference>,
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exported {
    /// Digest of the manifest; of the index where there are several platforms.
    pub digest: Sha256Digest,
}

/// Images could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No images were given.
    #[error(
        "no containers to export: an image needs a root file system, so begin with from, import or withRootfs, or add files"
    )]
    Nothing,
    /// Two images are for the same platform.
    #[error("duplicate platform {0:?}")]
    DuplicatePlatform(String),
    /// A layer cannot be made.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing failed.
    #[error("cannot write the archive: {0}")]
    Io(#[from] std::io::Error),
}

/// Writes images, one per platform, as an archive. Deterministic. Blocks.
pub fn export(
    store: &Store,
    images: &[ExportImage],
    options: &ExportOptions,
    out: &mut dyn Write,
) -> Result<Exported, ExportError> {
    let assembly = assemble(store, images, options)?;
    let root = assembly.root().ok_or(ExportError::Nothing)?;
    let mut archive = TarWriter::new(out);
    let (file, dir) = (Meta::new(0o644), Meta::new(0o755));
    let mut document =
        |path: &str, bytes: &[u8]| archive.file(path.as_bytes(), &file, bytes.len() as u64, bytes);
    document("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    document("index.json", &index_json(root, options)?)?;
    document("manifest.json", &docker_json(&assembly, options)?)?;
    archive.entry(b"blobs", &dir, &Kind::Dir)?;
    archive.entry(b"blobs/sha256", &dir, &Kind::Dir)?;
    let documents = assembly.manifests.iter().map(|(document, _)| document).chain(&assembly.index);
    let documents = documents.map(|document| (document.descriptor.digest, Part::Bytes(&document.bytes)));
    let blobs = assembly.blobs.iter().map(|(digest, (size, source))| {
        let part = match source {
            Source::Bytes(bytes) => Part::Bytes(bytes),
            Source::Stored(blob) => Part::Stored(*blob, *size),
        };
        (*digest, part)
    });
    let parts: BTreeMap<Sha256Digest, Part<'_>> = documents.chain(blobs).collect();
    for (digest, part) in parts {
        let path = blob_path(&digest);
        match part {
            Part::Bytes(bytes) => archive.file(path.as_bytes(), &file, bytes.len() as u64, bytes)?,
            Part::Stored(blob, size) => {
                archive.file(path.as_bytes(), &file, size, store.open_blob(&blob)?)?
            }
        }
    }
    archive.finish()?.flush()?;
    Ok(Exported { digest: root.descriptor.digest })
}

/// What goes into `blobs/sha256`.
enum Part<'a> {
    Bytes(&'a [u8]),
    /// A content of the store, and its length.
    Stored(Digest, u64),
}

/// Annotation by which containerd and others know the full name of an image.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

pub(crate) fn blob_path(digest: &Sha256Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn index_json(root: &Document, options: &ExportOptions) -> Result<Vec<u8>, ExportError> {
    let mut descriptor = root.descriptor.clone();
    if let Some(name) = &options.name {
        descriptor.annotations.insert(CONTAINERD_NAME.to_owned(), name.to_string());
        if let Some(tag) = name.tag() {
            descriptor.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
        }
    }
    json_bytes(&Index {
        schema_version: 2,
        media_type: Some(media::OCI_INDEX.to_owned()),
        manifests: vec![descriptor],
        annotations: BTreeMap::new(),
    })
}

/// What `docker load` reads. It knows one platform only: that of this machine if it is there, else the first.
fn docker_json(assembly: &Assembly, options: &ExportOptions) -> Result<Vec<u8>, ExportError> {
    let host = DescriptorPlatform::from(&Platform::host());
    let of_host =
        |(document, _): &&(Document, Manifest)| document.descriptor.platform.as_ref() == Some(&host);
    let Some((_, manifest)) = assembly.manifests.iter().find(of_host).or_else(|| assembly.manifests.first())
    else {
        return Err(ExportError::Nothing);
    };
    let tags = options.name.as_ref().and_then(|name| Some(vec![format!("{}:{}", name.name(), name.tag()?)]));
    let layers: Vec<String> = manifest.layers.iter().map(|layer| blob_path(&layer.digest)).collect();
    json_bytes(&json!([{"Config": blob_path(&manifest.config.digest), "RepoTags": tags, "Layers": layers}]))
}
