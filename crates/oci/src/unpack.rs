//! One layer archive into the store: hashing, inflating and unpacking run at the same time.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use bytes::Bytes;
use kukri_store::{LayerWriter, Store, StoreError};

use crate::compress::{CHUNK, inflate};
use crate::digest::{Sha256Digest, Sha256Hasher};
use crate::tar_read::{Kind, TarEntry, TarError, TarReader};

/// So many pieces lie between two stages: 4 MiB.
const DEPTH: usize = (4 << 20) / CHUNK;

/// Prefix that hides an entry of a lower layer.
pub(crate) const WHITEOUT: &[u8] = b".wh.";
/// Names of AUFS's own; only the opaque marker means something to others.
const WHITEOUT_META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// A layer archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// Its media type is not known.
    #[error(
        "layer {layer} has media type {media_type:?}, which this engine cannot read (tar, tar+gzip and tar+zstd can be)"
    )]
    MediaType {
        /// The layer.
        layer: Sha256Digest,
        /// Its type.
        media_type: String,
    },
    /// The archive holds something that cannot be stored.
    #[error("layer {layer}: {path:?}: {reason}")]
    Entry {
        /// The layer.
        layer: Sha256Digest,
        /// The entry.
        path: String,
        /// Why.
        reason: String,
    },
    /// The archive or its compression is damaged.
    #[error("layer {layer} cannot be read: {reason}")]
    Damaged {
        /// The layer.
        layer: Sha256Digest,
        /// Why.
        reason: String,
    },
    /// The content is not what the configuration says.
    #[error(
        "layer {layer} unpacks to {actual}, but the image's configuration says {expected}; the image is damaged or forged"
    )]
    WrongDiffId {
        /// The layer.
        layer: Sha256Digest,
        /// Digest in the configuration.
        expected: Sha256Digest,
        /// Digest of what came.
        actual: Sha256Digest,
    },
    /// The store failed.
    #[error("layer {layer}: {source}")]
    Store {
        /// The layer.
        layer: Sha256Digest,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// A layer that was read to its end.
pub(crate) struct Unpacked {
    /// Its entries, not yet applied to a tree.
    pub(crate) writer: LayerWriter,
    /// Digest of the plain archive.
    pub(crate) diff_id: Sha256Digest,
}

/// What became of one compressed layer.
pub(crate) struct Outcome<W> {
    /// Digest of the compressed bytes.
    pub(crate) sha256: Sha256Digest,
    /// Where the compressed bytes went.
    pub(crate) kept: W,
    /// The content.
    pub(crate) unpacked: Result<Unpacked, UnpackError>,
}

/// Reads a compressed layer to its end. `layer` is its name in messages; the compressed bytes also go to `keep`.
/// Errors of `input` and `keep` come back at once: then nothing can be said about the layer.
pub(crate) fn unpack<W: Write>(
    store: &Store,
    layer: Sha256Digest,
    input: impl Read,
    keep: W,
) -> io::Result<Outcome<W>> {
    let mut tee = Tee { input, keep, hasher: Sha256Hasher::new() };
    let unpacked = unpack_through(store, layer, &mut tee);
    // Damaged content is only damaged if all of it came: the rest is read for the digest's sake.
    tee.drain()?;
    Ok(Outcome { sha256: tee.hasher.finish(), kept: tee.keep, unpacked })
}

/// Reads compressed bytes only to keep them.
pub(crate) fn keep_only<W: Write>(input: impl Read, keep: W) -> io::Result<(Sha256Digest, W)> {
    let mut tee = Tee { input, keep, hasher: Sha256Hasher::new() };
    tee.drain()?;
    Ok((tee.hasher.finish(), tee.keep))
}

fn unpack_through(
    store: &Store,
    layer: Sha256Digest,
    tee: &mut Tee<impl Read, impl Write>,
) -> Result<Unpacked, UnpackError> {
    let damaged = |error: io::Error| UnpackError::Damaged { layer, reason: error.to_string() };
    thread::scope(|scope| {
        let (to_hash, from_hash) = sync_channel::<Bytes>(DEPTH);
        let (to_untar, from_untar) = sync_channel::<Bytes>(DEPTH);
        let hasher = thread::Builder::new()
            .name("layer-hash".to_owned())
            .spawn_scoped(scope, move || hash(&from_hash))
            .map_err(damaged)?;
        let untarrer = thread::Builder::new()
            .name("layer-untar".to_owned())
            .spawn_scoped(scope, move || {
                let mut input = Pieces::new(from_untar);
                untar(store, layer, &mut input)
            })
            .map_err(damaged)?;
        let inflated = inflate(tee, |chunk| {
            let hashed = to_hash.send(chunk.clone()).is_ok();
            // The archive ends before its last bytes; whoever has seen the end hangs up.
            let _ = to_untar.send(chunk);
            hashed
        });
        // An empty piece is the end; hanging up without it is an accident.
        if inflated.is_ok() {
            let _ = to_untar.send(Bytes::new());
        }
        drop((to_hash, to_untar));
        let panicked = || UnpackError::Damaged { layer, reason: "a thread panicked".to_owned() };
        let untarred = untarrer.join().map_err(|_| panicked())?;
        let diff_id = hasher.join().map_err(|_| panicked())?;
        inflated.map_err(damaged)?;
        Ok(Unpacked { writer: untarred?, diff_id })
    })
}

fn hash(pieces: &Receiver<Bytes>) -> Sha256Digest {
    let mut hasher = Sha256Hasher::new();
    while let Ok(piece) = pieces.recv() {
        hasher.update(&piece);
    }
    hasher.finish()
}

/// Takes a plain archive.
fn untar(store: &Store, layer: Sha256Digest, input: &mut dyn Read) -> Result<LayerWriter, UnpackError> {
    let stored = |source| UnpackError::Store { layer, source };
    let mut writer = store.layer_writer().map_err(stored)?;
    let mut reader = TarReader::new(input);
    loop {
        let entry = match reader.next() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(writer),
            Err(TarError::Io(error)) => {
                return Err(UnpackError::Damaged { layer, reason: error.to_string() });
            }
            Err(TarError::Entry(bad)) => {
                return Err(UnpackError::Entry { layer, path: bad.path, reason: bad.reason });
            }
        };
        add(&mut writer, layer, &entry, &mut reader)?;
    }
}

fn add(
    writer: &mut LayerWriter,
    layer: Sha256Digest,
    entry: &TarEntry,
    reader: &mut TarReader<&mut dyn Read>,
) -> Result<(), UnpackError> {
    let TarEntry { path, kind, meta } = entry;
    let (dir, name) = match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&path[..0], &path[..]),
    };
    let done = if name == OPAQUE {
        writer.opaque(dir)
    } else if name.starts_with(WHITEOUT_META) {
        Ok(())
    } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
        // `.wh...` would hide the parent directory.
        if !kukri_tree::is_name(hidden) {
            let path = String::from_utf8_lossy(path).into_owned();
            return Err(UnpackError::Entry { layer, path, reason: "it hides no valid name".to_owned() });
        }
        let hidden = if dir.is_empty() { hidden.to_vec() } else { [dir, b"/", hidden].concat() };
        writer.whiteout(&hidden)
    } else {
        match kind {
            Kind::File(size) => writer.add_file(path, meta, *size, &mut reader.content()),
            Kind::Dir => writer.add_dir(path, meta),
            Kind::Symlink(target) => writer.add_symlink(path, meta, target),
            Kind::Hardlink(target) => writer.add_hardlink(path, target),
            Kind::Device { block, major, minor } => writer.add_device(path, meta, *block, *major, *minor),
            Kind::Fifo => writer.add_fifo(path, meta),
        }
    };
    done.map_err(|source| UnpackError::Store { layer, source })
}

/// Hashes and keeps what passes.
struct Tee<R, W> {
    input: R,
    keep: W,
    hasher: Sha256Hasher,
}

impl<R: Read, W: Write> Tee<R, W> {
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.keep.write_all(&buffer[..count])?;
        Ok(count)
    }
}

/// Reads pieces from a channel; an empty piece is the end.
struct Pieces {
    pieces: Receiver<Bytes>,
    piece: Bytes,
    ended: bool,
}

impl Pieces {
    const fn new(pieces: Receiver<Bytes>) -> Self {
        Self { pieces, piece: Bytes::new(), ended: false }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            self.piece = self.pieces.recv().map_err(|_| io::Error::other("its source failed"))?;
            self.ended = self.piece.is_empty();
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}
