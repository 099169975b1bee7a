//! Images from archives: OCI layouts and what `docker save` writes.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::time::Instant;

use kukri_model::{Digest, Platform};
use kukri_store::{LayerWriter, Store, StoreError};
use kukri_tree::TreeId;
use serde::Deserialize;

use crate::archive::ImageArchive;
use crate::compress::{self, is_layer};
use crate::digest::Sha256Digest;
use crate::export::CONTAINERD_NAME;
use crate::image::ImageConfig;
use crate::known;
use crate::layer_out::Compression;
use crate::manifest::{Descriptor, Document, Index, Manifest, MediaTypes, REF_NAME};
use crate::pull::{LayerInfo, PullProgress, PulledImage};
use crate::reference::Reference;
use crate::unpack::{Outcome, UnpackError, keep_only, unpack};

/// An archive could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not an image archive, or a damaged one.
    #[error("not a valid image archive: {0}")]
    Archive(String),
    /// It has no image of this tag.
    #[error("the archive has no image {tag:?}; it has: {available}")]
    NoTag {
        /// What was asked for.
        tag: String,
        /// What is there.
        available: String,
    },
    /// It has no image for this platform.
    #[error("the archive has no image for platform {platform}; it has: {available}")]
    NoPlatform {
        /// What was asked for.
        platform: Platform,
        /// What is there.
        available: String,
    },
    /// A layer cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading failed.
    #[error("cannot read the archive: {0}")]
    Io(#[from] std::io::Error),
}

/// Indexes may hold indexes; nobody nests deeper than two.
const MAX_DEPTH: usize = 4;

/// Brings an image from an archive (a tar, which may be compressed) into the store. `tag` picks one of several images:
/// a tag, or a whole name. `None` takes the first image for the platform. `progress` is told of layers, all of them
/// present, and how far they are unpacked. Blocks.
pub fn import<R: Read + Seek>(
    store: &Store,
    mut archive: R,
    platform: &Platform,
    tag: Option<&str>,
    progress: &dyn PullProgress,
) -> Result<PulledImage, ImportError> {
    let mut start = [0; 4];
    archive.seek(SeekFrom::Start(0))?;
    let is_compressed = archive.read_exact(&mut start).is_ok() && compress::is_compressed(&start);
    archive.seek(SeekFrom::Start(0))?;
    if !is_compressed {
        return import_plain(store, archive, platform, tag, progress);
    }
    let mut plain = store.blob_writer();
    let mut written = Ok(());
    compress::inflate(archive, |chunk| {
        written = std::io::Write::write_all(&mut plain, &chunk);
        written.is_ok()
    })?;
    written?;
    let (plain, _) = plain.finish()?;
    import_plain(store, store.open_blob(&plain)?, platform, tag, progress)
}

fn import_plain<R: Read + Seek>(
    store: &Store,
    archive: R,
    platform: &Platform,
    tag: Option<&str>,
    progress: &dyn PullProgress,
) -> Result<PulledImage, ImportError> {
    let mut archive = ImageArchive::open(archive)?;
    let chosen = if archive.has("index.json") {
        from_layout(&mut archive, platform, tag)?
    } else if archive.has("manifest.json") {
        from_docker(&mut archive, platform, tag)?
    } else {
        return Err(ImportError::Archive("it has neither index.json nor manifest.json".to_owned()));
    };
    if chosen.config.diff_ids.len() != chosen.layers.len() {
        return Err(ImportError::Archive(format!(
            "the manifest has {} layers, the configuration {}",
            chosen.layers.len(),
            chosen.config.diff_ids.len()
        )));
    }
    take(store, &mut archive, chosen, progress)
}

/// The image that was picked.
struct Chosen {
    config: ImageConfig,
    layers: Vec<ChosenLayer>,
    /// `None`: `docker save` writes no manifest, so one is made.
    manifest_digest: Option<Sha256Digest>,
    annotations: BTreeMap<String, String>,
    config_bytes: Vec<u8>,
}

struct ChosenLayer {
    path: String,
    /// `None`: not told, but computed.
    descriptor: Option<Descriptor>,
}

impl ChosenLayer {
    /// What it is called in messages: by its digest, or by that of what is in it.
    fn name(&self, diff_id: &Sha256Digest) -> Sha256Digest {
        self.descriptor.as_ref().map_or(*diff_id, |descriptor| descriptor.digest)
    }
}

/// Tells how much of a layer has been read.
struct Watched<'a, R> {
    inner: R,
    read: u64,
    layer: Sha256Digest,
    progress: &'a dyn PullProgress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        self.progress.extracted(&self.layer, self.read);
        Ok(count)
    }
}

fn from_layout<R: Read + Seek>(
    archive: &mut ImageArchive<R>,
    platform: &Platform,
    tag: Option<&str>,
) -> Result<Chosen, ImportError> {
    let index: Index = parse(&archive.read("index.json")?, "index.json")?;
    let names = |descriptor: &Descriptor| -> Vec<String> {
        let name = |key: &str| descriptor.annotations.get(key).cloned();
        [name(CONTAINERD_NAME), name(REF_NAME)].into_iter().flatten().collect()
    };
    let picked: Vec<Descriptor> = index
        .manifests
        .iter()
        .filter(|descriptor| tag.is_none_or(|tag| names(descriptor).iter().any(|name| is_named(name, tag))))
        .cloned()
        .collect();
    if let Some(tag) = tag
        && picked.is_empty()
    {
        return Err(no_tag(tag, index.manifests.iter().flat_map(names)));
    }
    let mut candidates = Vec::new();
    flatten(archive, picked, 0, &mut candidates)?;
    let mut platforms = Vec::new();
    let mut flat = Index { manifests: Vec::new(), ..index };
    let mut images = BTreeMap::new();
    for (mut descriptor, manifest) in candidates {
        if !manifest.is_image() {
            continue;
        }
        let config_bytes = archive.blob(&manifest.config.digest)?;
        let config = parse_config(&config_bytes)?;
        descriptor.platform.get_or_insert_with(|| (&config.platform).into());
        platforms.push(config.platform.to_string());
        images.insert(descriptor.digest, (manifest, config, config_bytes));
        flat.manifests.push(descriptor);
    }
    let found = flat
        .select(platform)
        .and_then(|descriptor| Some((descriptor.digest, images.remove(&descriptor.digest)?)));
    let Some((digest, (manifest, config, config_bytes))) = found else {
        return Err(no_platform(platform, platforms));
    };
    let layer = |descriptor: &Descriptor| ChosenLayer {
        path: crate::export::blob_path(&descriptor.digest),
        descriptor: Some(descriptor.clone()),
    };
    let layers = manifest.layers.iter().map(layer).collect();
    Ok(Chosen {
        config,
        layers,
        manifest_digest: Some(digest),
        annotations: manifest.annotations,
        config_bytes,
    })
}

/// Replaces indexes by what is in them.
fn flatten<R: Read + Seek>(
    archive: &mut ImageArchive<R>,
    descriptors: Vec<Descriptor>,
    depth: usize,
    out: &mut Vec<(Descriptor, Manifest)>,
) -> Result<(), ImportError> {
    if depth == MAX_DEPTH {
        return Err(ImportError::Archive(format!("indexes nested deeper than {MAX_DEPTH}")));
    }
    for descriptor in descriptors {
        // An archive of one platform may still name the manifests of others.
        if depth > 0 && !archive.has(&crate::export::blob_path(&descriptor.digest)) {
            continue;
        }
        let bytes = archive.blob(&descriptor.digest)?;
        match Document::parse(&bytes, &descriptor.media_type).map_err(ImportError::Archive)? {
            Document::Manifest(manifest) => out.push((descriptor, manifest)),
            Document::Index(index) => flatten(archive, index.manifests, depth + 1, out)?,
        }
    }
    Ok(())
}

/// One image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

fn from_docker<R: Read + Seek>(
    archive: &mut ImageArchive<R>,
    platform: &Platform,
    tag: Option<&str>,
) -> Result<Chosen, ImportError> {
    let images: Vec<DockerImage> = parse(&archive.read("manifest.json")?, "manifest.json")?;
    let names = |image: &DockerImage| image.repo_tags.clone().unwrap_or_default();
    let mut platforms = Vec::new();
    let mut any = false;
    for image in &images {
        if !tag.is_none_or(|tag| names(image).iter().any(|name| is_named(name, tag))) {
            continue;
        }
        any = true;
        let config_bytes = archive.read(&image.config)?;
        let config = parse_config(&config_bytes)?;
        if (&config.platform.os, &config.platform.architecture) != (&platform.os, &platform.architecture) {
            platforms.push(config.platform.to_string());
            continue;
        }
        let layer = |path: &String| ChosenLayer { path: path.clone(), descriptor: None };
        let layers = image.layers.iter().flatten().map(layer).collect();
        return Ok(Chosen {
            config,
            layers,
            manifest_digest: None,
            annotations: BTreeMap::new(),
            config_bytes,
        });
    }
    match tag {
        Some(tag) if !any => Err(no_tag(tag, images.iter().flat_map(names))),
        _ => Err(no_platform(platform, platforms)),
    }
}

/// Brings the layers of the chosen image into the store.
fn take<R: Read + Seek>(
    store: &Store,
    archive: &mut ImageArchive<R>,
    chosen: Chosen,
    progress: &dyn PullProgress,
) -> Result<PulledImage, ImportError> {
    let Chosen { config, layers: chosen_layers, manifest_digest, annotations, config_bytes } = chosen;
    let chain = known::chain_ids(&config.diff_ids);
    let mut layers: Vec<LayerInfo> = Vec::with_capacity(chosen_layers.len());
    let mut base: Option<TreeId> = None;
    for (layer, diff_id) in chosen_layers.iter().zip(&config.diff_ids) {
        if let Some(size) = archive.size(&layer.path) {
            progress.layer(&layer.name(diff_id), size, true);
        }
    }
    for ((layer, diff_id), chain) in chosen_layers.into_iter().zip(&config.diff_ids).zip(chain) {
        let start = Instant::now();
        let name = layer.name(diff_id);
        let (descriptor, blob, tree) = match known::tree(store, &chain)? {
            Some(tree) => {
                let (descriptor, blob) = keep(store, archive, layer)?;
                (descriptor, blob, tree)
            }
            None => {
                let (descriptor, blob, writer) = unpack_layer(store, archive, layer, *diff_id, progress)?;
                let tree = writer.finish(base.as_ref())?;
                known::remember_tree(store, &chain, &tree, start.elapsed())?;
                (descriptor, blob, tree)
            }
        };
        let Descriptor { media_type, digest, size, .. } = descriptor;
        layers.push(LayerInfo { media_type, digest, size, diff_id: *diff_id, blob, tree });
        progress.unpacked(&name);
        base = Some(tree);
    }
    let tree = match base {
        Some(tree) => tree,
        None => store.put_empty_tree()?,
    };
    let manifest_digest = match manifest_digest {
        Some(digest) => digest,
        None => made_manifest(&config_bytes, &layers)?,
    };
    Ok(PulledImage { config, layers, tree, annotations, manifest_digest })
}

/// Keeps a compressed layer whose tree is known.
fn keep<R: Read + Seek>(
    store: &Store,
    archive: &mut ImageArchive<R>,
    layer: ChosenLayer,
) -> Result<(Descriptor, Digest), ImportError> {
    let start = Instant::now();
    if let Some(descriptor) = &layer.descriptor
        && let Some(blob) = known::blob(store, &descriptor.digest)?
    {
        return Ok((descriptor.clone(), blob));
    }
    let (content, size) = archive.content(&layer.path)?;
    let (sha256, kept) = keep_only(content, store.blob_writer())?;
    let descriptor = checked(archive, layer, sha256, size)?;
    let (blob, _) = kept.finish()?;
    known::remember_blob(store, &sha256, &blob, start.elapsed())?;
    Ok((descriptor, blob))
}

fn unpack_layer<R: Read + Seek>(
    store: &Store,
    archive: &mut ImageArchive<R>,
    layer: ChosenLayer,
    expected: Sha256Digest,
    progress: &dyn PullProgress,
) -> Result<(Descriptor, Digest, LayerWriter), ImportError> {
    let start = Instant::now();
    if let Some(Descriptor { media_type, digest, .. }) = &layer.descriptor
        && !is_layer(media_type)
    {
        return Err(UnpackError::MediaType { layer: *digest, media_type: media_type.clone() }.into());
    }
    let (content, size) = archive.content(&layer.path)?;
    let name = layer.name(&expected);
    let content = Watched { inner: content, read: 0, layer: name, progress };
    let content = BufReader::with_capacity(compress::CHUNK, content);
    let Outcome { sha256, kept, unpacked } = unpack(store, name, content, store.blob_writer())?;
    let descriptor = checked(archive, layer, sha256, size)?;
    let unpacked = unpacked?;
    if unpacked.diff_id != expected {
        return Err(UnpackError::WrongDiffId { layer: name, expected, actual: unpacked.diff_id }.into());
    }
    let (blob, _) = kept.finish()?;
    known::remember_blob(store, &sha256, &blob, start.elapsed())?;
    Ok((descriptor, blob, unpacked.writer))
}

/// The layer's descriptor, compared with what came or made from it.
fn checked<R: Read + Seek>(
    archive: &mut ImageArchive<R>,
    layer: ChosenLayer,
    sha256: Sha256Digest,
    size: u64,
) -> Result<Descriptor, ImportError> {
    match layer.descriptor {
        Some(descriptor) if descriptor.digest == sha256 && descriptor.size == size => Ok(descriptor),
        Some(descriptor) => Err(ImportError::Archive(format!(
            "the layer {} has digest {sha256} and {size} bytes, {} bytes were announced: the archive is damaged",
            descriptor.digest, descriptor.size
        ))),
        None => {
            let mut start = [0; 4];
            let (mut content, _) = archive.content(&layer.path)?;
            let is_gzip = content.read_exact(&mut start).is_ok() && compress::is_gzip(&start);
            let compression = match is_gzip {
                true => Compression::Gzip,
                false if compress::is_compressed(&start) => Compression::Zstd,
                false => Compression::Uncompressed,
            };
            let media_type = compression.layer_type(MediaTypes::Docker);
            Ok(Descriptor { media_type, digest: sha256, size, platform: None, annotations: BTreeMap::new() })
        }
    }
}

/// Digest of the manifest that an image without one would have in a registry.
fn made_manifest(config: &[u8], layers: &[LayerInfo]) -> Result<Sha256Digest, ImportError> {
    let layer = |layer: &LayerInfo| Descriptor {
        media_type: layer.media_type.clone(),
        digest: layer.digest,
        size: layer.size,
        platform: None,
        annotations: BTreeMap::new(),
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MediaTypes::Docker.manifest().to_owned()),
        config: Descriptor::of(MediaTypes::Docker.config(), config),
        layers: layers.iter().map(layer).collect(),
        annotations: BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|error| ImportError::Archive(error.to_string()))?;
    Ok(Sha256Digest::of(&bytes))
}

/// Whether an image called `name` is meant by `wanted`: the same text, the same reference, or its tag.
fn is_named(name: &str, wanted: &str) -> bool {
    let (found, meant) = (name.parse::<Reference>(), wanted.parse::<Reference>());
    name == wanted
        || found.as_ref().is_ok_and(|found| name.contains(':') && found.tag() == Some(wanted))
        || matches!((found, meant), (Ok(found), Ok(meant)) if found == meant)
}

fn no_tag(tag: &str, available: impl Iterator<Item = String>) -> ImportError {
    ImportError::NoTag { tag: tag.to_owned(), available: list(available.collect()) }
}

fn no_platform(platform: &Platform, available: Vec<String>) -> ImportError {
    ImportError::NoPlatform { platform: platform.clone(), available: list(available) }
}

fn list(names: Vec<String>) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], name: &str) -> Result<T, ImportError> {
    serde_json::from_slice(bytes).map_err(|error| ImportError::Archive(format!("{name}: {error}")))
}

fn parse_config(bytes: &[u8]) -> Result<ImageConfig, ImportError> {
    ImageConfig::from_json(bytes).map_err(|error| ImportError::Archive(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(is_named("latest", "latest"));
        assert!(is_named("docker.io/library/app:1", "1"));
        assert!(is_named("docker.io/library/app:1", "app:1"));
        assert!(is_named("app:latest", "docker.io/library/app"));
        assert!(!is_named("docker.io/library/app:1", "app"));
        assert!(!is_named("app", "latest"), "a bare name has no tag of its own");
        assert!(!is_named("latest", "1"));
    }
}
