//! The difference of two trees as a layer.

use std::io::{self, Write};

use kukri_store::{BlobWriter, Store, StoreError};
use kukri_tree::{EntryKind, Equality, Meta, TreeError, TreeId};

use crate::compress::inflate;
use crate::digest::{Sha256Digest, Sha256Hasher};
use crate::gzip::ParallelGzip;
use crate::known::{self, Made};
use crate::manifest::{MediaTypes, media};
use crate::pull::LayerInfo;
use crate::tar_read::Kind;
use crate::tar_write::TarWriter;
use crate::tree_diff::{Difference, TreeDiff};
use crate::unpack::WHITEOUT;

const ZSTD_LEVEL: i32 = 3;

/// How a layer is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Compression {
    /// Understood everywhere.
    #[default]
    Gzip,
    /// Smaller and faster, not understood by old tools.
    Zstd,
    /// None: a plain tar.
    Uncompressed,
}

impl Compression {
    /// Media type of a layer with this compression.
    #[must_use]
    pub fn layer_type(self, media_types: MediaTypes) -> String {
        match (media_types, self) {
            (MediaTypes::Oci, Self::Gzip) => format!("{}+gzip", media::OCI_LAYER),
            (MediaTypes::Oci, Self::Zstd) => format!("{}+zstd", media::OCI_LAYER),
            (MediaTypes::Oci, Self::Uncompressed) => media::OCI_LAYER.to_owned(),
            (MediaTypes::Docker, Self::Gzip) => format!("{}.gzip", media::DOCKER_LAYER),
            (MediaTypes::Docker, Self::Zstd) => format!("{}.zstd", media::DOCKER_LAYER),
            (MediaTypes::Docker, Self::Uncompressed) => media::DOCKER_LAYER.to_owned(),
        }
    }

    /// The compression that a layer's media type names.
    fn of_type(media_type: &str) -> Self {
        if media_type.ends_with("gzip") {
            Self::Gzip
        } else if media_type.ends_with("zstd") {
            Self::Zstd
        } else {
            Self::Uncompressed
        }
    }
}

/// A layer could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Layers use such names to hide files.
    #[error(
        "{0:?} cannot be put into an image layer: names that start with \".wh.\" are reserved; rename the file"
    )]
    ReservedName(String),
    /// A stored layer cannot be read.
    #[error("layer {layer} cannot be read: {source}")]
    Damaged {
        /// The layer.
        layer: Sha256Digest,
        /// Why.
        source: io::Error,
    },
    /// Writing failed.
    #[error("cannot write a layer: {0}")]
    Io(#[from] io::Error),
}

/// Writes what leads from `base` (nothing if `None`) to `tree` as a layer into the store. `equality` says whether what only
/// has another modification time is part of it. The same trees always give
/// the same bytes; those that the store still has from an earlier time are not made again. `Ok(None)`: there is no
/// difference, so no layer. `packed` is told of each piece that goes into the layer, in bytes before compression. Blocks.
pub fn layer_out(
    store: &Store,
    base: Option<&TreeId>,
    tree: &TreeId,
    equality: Equality,
    compression: Compression,
    media_types: MediaTypes,
    packed: &dyn Fn(u64),
) -> Result<Option<LayerInfo>, LayerError> {
    let mut differences = TreeDiff::new(store, base, tree, equality)?.peekable();
    if differences.peek().is_none() {
        return Ok(None);
    }
    let media_type = compression.layer_type(media_types);
    let key = known::made_key(base, tree, equality, compression);
    let info = |Made { digest, size, diff_id, blob }| LayerInfo {
        media_type,
        digest,
        size,
        diff_id,
        blob,
        tree: *tree,
    };
    if let Some(made) = known::made(store, &key)? {
        return Ok(Some(info(made)));
    }
    let start = std::time::Instant::now();
    let mut tar = TarWriter::new(Told { sink: LayerSink::new(store, compression)?, packed });
    let mut groups = std::collections::HashMap::new();
    for difference in differences {
        write(store, &mut tar, difference?, &mut groups)?;
    }
    let made = tar.finish()?.sink.finish(store)?;
    known::remember_made(store, &key, &made, start.elapsed())?;
    Ok(Some(info(made)))
}

/// The same layer with another compression or family of media types. Where the compression is the same already, only
/// the media type changes. Blocks.
pub fn recompress(
    store: &Store,
    layer: &LayerInfo,
    compression: Compression,
    media_types: MediaTypes,
) -> Result<LayerInfo, LayerError> {
    let media_type = compression.layer_type(media_types);
    if Compression::of_type(&layer.media_type) == compression {
        return Ok(LayerInfo { media_type, ..layer.clone() });
    }
    let damaged = |source| LayerError::Damaged { layer: layer.digest, source };
    let mut sink = LayerSink::new(store, compression)?;
    let mut written = Ok(());
    inflate(store.open_blob(&layer.blob)?, |chunk| {
        written = sink.write_all(&chunk);
        written.is_ok()
    })
    .map_err(damaged)?;
    written?;
    let Made { digest, size, diff_id, blob } = sink.finish(store)?;
    if diff_id != layer.diff_id {
        return Err(damaged(io::Error::other(format!(
            "it unpacks to {diff_id} instead of {}",
            layer.diff_id
        ))));
    }
    Ok(LayerInfo { media_type, digest, size, diff_id, blob, tree: layer.tree })
}

/// The layer in the wanted family of media types, with its bytes as they are.
pub(crate) fn retyped(layer: &LayerInfo, media_types: MediaTypes) -> LayerInfo {
    let media_type = Compression::of_type(&layer.media_type).layer_type(media_types);
    LayerInfo { media_type, ..layer.clone() }
}

fn write(
    store: &Store,
    tar: &mut TarWriter<Told<'_>>,
    difference: Difference,
    groups: &mut std::collections::HashMap<u64, Vec<u8>>,
) -> Result<(), LayerError> {
    match difference {
        Difference::Removed(path) => {
            let name = path.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
            let path = [&path[..name], WHITEOUT, &path[name..]].concat();
            tar.file(&path, &Meta::new(0), 0, io::empty())?;
        }
        Difference::Dir(path, meta) => {
            check_name(&path)?;
            tar.entry(&path, &meta, &Kind::Dir)?;
        }
        Difference::Leaf(path, kind) => {
            check_name(&path)?;
            match &kind {
                EntryKind::File { meta, blob, size, link_group } => {
                    // The first name of a group brings the content, the others point to it.
                    if *link_group != 0 {
                        if let Some(first) = groups.get(link_group) {
                            tar.entry(&path, meta, &Kind::Hardlink(first.clone()))?;
                            return Ok(());
                        }
                        groups.insert(*link_group, path.clone());
                    }
                    tar.file(&path, meta, *size, store.open_blob(blob)?)?;
                }
                EntryKind::Symlink { meta, target } => {
                    tar.entry(&path, meta, &Kind::Symlink(target.to_vec()))?
                }
                EntryKind::CharDevice { meta, major, minor } => {
                    tar.entry(&path, meta, &Kind::Device { block: false, major: *major, minor: *minor })?;
                }
                EntryKind::BlockDevice { meta, major, minor } => {
                    tar.entry(&path, meta, &Kind::Device { block: true, major: *major, minor: *minor })?;
                }
                EntryKind::Fifo { meta } => tar.entry(&path, meta, &Kind::Fifo)?,
                EntryKind::Dir(_) => {}
            }
        }
    }
    Ok(())
}

fn check_name(path: &[u8]) -> Result<(), LayerError> {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    if name.starts_with(WHITEOUT) {
        return Err(LayerError::ReservedName(String::from_utf8_lossy(path).into_owned()));
    }
    Ok(())
}

/// Tells how much has been written.
struct Told<'a> {
    sink: LayerSink,
    packed: &'a dyn Fn(u64),
}

impl Write for Told<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.sink.write(bytes)?;
        (self.packed)(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Takes plain bytes: hashes, compresses, hashes, stores.
struct LayerSink {
    plain: Sha256Hasher,
    output: Output,
}

enum Output {
    Gzip(ParallelGzip<Hashed>),
    Zstd(zstd::stream::write::Encoder<'static, Hashed>),
    Plain(Hashed),
}

impl LayerSink {
    fn new(store: &Store, compression: Compression) -> io::Result<Self> {
        let hashed = Hashed { hasher: Sha256Hasher::new(), size: 0, blob: store.blob_writer() };
        let output = match compression {
            Compression::Gzip => Output::Gzip(ParallelGzip::new(hashed)?),
            Compression::Zstd => Output::Zstd(zstd::stream::write::Encoder::new(hashed, ZSTD_LEVEL)?),
            Compression::Uncompressed => Output::Plain(hashed),
        };
        Ok(Self { plain: Sha256Hasher::new(), output })
    }

    fn finish(self, store: &Store) -> Result<Made, LayerError> {
        let hashed = match self.output {
            Output::Gzip(gzip) => gzip.finish()?,
            Output::Zstd(zstd) => zstd.finish()?,
            Output::Plain(hashed) => hashed,
        };
        let Hashed { hasher, size, blob } = hashed;
        let (digest, diff_id) = (hasher.finish(), self.plain.finish());
        let (blob, _) = blob.finish()?;
        known::remember_blob(store, &digest, &blob, std::time::Duration::ZERO)?;
        Ok(Made { digest, size, diff_id, blob })
    }
}

impl Write for LayerSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match &mut self.output {
            Output::Gzip(gzip) => gzip.write(bytes),
            Output::Zstd(zstd) => zstd.write(bytes),
            Output::Plain(plain) => plain.write(bytes),
        }?;
        self.plain.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compressed bytes on their way into the store.
struct Hashed {
    hasher: Sha256Hasher,
    size: u64,
    blob: BlobWriter,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.blob.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
