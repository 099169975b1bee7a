//! From a registry into the store: layers are downloaded, checked, inflated and unpacked at the same time.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use kukri_model::Digest;
use kukri_store::{LayerWriter, Store, StoreError};
use kukri_tree::TreeId;
use tokio::sync::mpsc;

use crate::compress::is_layer;
use crate::digest::Sha256Digest;
use crate::image::ImageConfig;
use crate::known;
use crate::manifest::Descriptor;
use crate::registry::{RegistryClient, RegistryError, Resolved};
use crate::unpack::{Outcome, UnpackError, Unpacked, keep_only, unpack};

/// A layer that is in the store, compressed and unpacked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayerInfo {
    /// Media type of the compressed layer.
    pub media_type: String,
    /// Digest of the compressed layer.
    pub digest: Sha256Digest,
    /// Length of the compressed layer in bytes.
    pub size: u64,
    /// Digest of the uncompressed layer.
    pub diff_id: Sha256Digest,
    /// The compressed layer in the store.
    pub blob: Digest,
    /// The root file system with this layer and all below it.
    pub tree: TreeId,
}

/// An image that is in the store.
#[derive(Clone, PartialEq, Debug)]
pub struct PulledImage {
    /// Its configuration.
    pub config: ImageConfig,
    /// Its layers, the base first.
    pub layers: Vec<LayerInfo>,
    /// Its root file system.
    pub tree: TreeId,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// Digest of its manifest.
    pub manifest_digest: Sha256Digest,
}

/// Is told how a pull goes on. Called often; must return at once.
pub trait PullProgress: Send + Sync {
    /// A layer is needed: `size` bytes compressed. `present`: the store has these bytes, nothing will be downloaded.
    fn layer(&self, digest: &Sha256Digest, size: u64, present: bool);
    /// `bytes` more of the layer have come.
    fn downloaded(&self, digest: &Sha256Digest, bytes: u64);
    /// `bytes` of the layer, compressed, have been unpacked in all. Not told of layers whose files the store knows.
    fn extracted(&self, digest: &Sha256Digest, bytes: u64);
    /// The layer is in the store, unpacked on the layers below it. Told of every layer, in order.
    fn unpacked(&self, digest: &Sha256Digest);
}

/// Ignores all progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl PullProgress for NoProgress {
    fn layer(&self, _: &Sha256Digest, _: u64, _: bool) {}
    fn downloaded(&self, _: &Sha256Digest, _: u64) {}
    fn extracted(&self, _: &Sha256Digest, _: u64) {}
    fn unpacked(&self, _: &Sha256Digest) {}
}

/// An image could not be brought into the store.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The registry failed.
    #[error("failed to pull {reference}: {source}")]
    Registry {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// A layer cannot be unpacked.
    #[error("failed to unpack {reference}: {source}")]
    Unpack {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: Box<UnpackError>,
    },
    /// The store failed.
    #[error("failed to store {reference}: {source}")]
    Store {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// Brings an image into the store: its layers compressed (for later exports) and as trees.
///
/// Layers that the store has, on the same layers below, are not fetched again. Blocking work runs on the runtime's
/// blocking threads. When the future is dropped, the download stops and what was in flight is left out.
pub async fn pull(
    client: &RegistryClient,
    store: &Store,
    resolved: &Resolved,
    progress: &dyn PullProgress,
) -> Result<PulledImage, PullError> {
    let cx = Context { client, store, resolved, progress };
    let layers = &resolved.manifest.layers;
    let plans = cx.plan().await?;
    // Layers come in any order but are applied in theirs, while later ones are still coming.
    let (to_apply, mut from_fetch) = mpsc::channel::<Fetched>(layers.len().max(1));
    let fetch = async {
        let cx = &cx;
        // Collected first: a closure that makes futures of borrowed arguments keeps `pull` from being `Send`.
        let mut fetches = Vec::with_capacity(layers.len());
        for ((layer, plan), diff_id) in layers.iter().zip(plans).zip(&resolved.config.diff_ids) {
            fetches.push(cx.fetch(layer, *diff_id, plan));
        }
        let mut fetched = stream::iter(fetches).buffered(LAYERS_AT_ONCE);
        while let Some(layer) = fetched.try_next().await? {
            // The receiver lives as long as this future.
            let _ = to_apply.send(layer).await;
        }
        drop(to_apply);
        Ok(())
    };
    let apply = async {
        let mut applied = Vec::with_capacity(layers.len());
        let mut tree = None;
        while let Some(fetched) = from_fetch.recv().await {
            let layer = cx.apply(fetched, tree).await?;
            progress.unpacked(&layer.digest);
            tree = Some(layer.tree);
            applied.push(layer);
        }
        Ok((applied, tree))
    };
    let ((), (layers, tree)) = futures_util::future::try_join(Box::pin(fetch), Box::pin(apply)).await?;
    let tree = match tree {
        Some(tree) => tree,
        None => cx.blocking(|store| store.put_empty_tree()).await?,
    };
    Ok(PulledImage {
        config: resolved.config.clone(),
        layers,
        tree,
        annotations: resolved.manifest.annotations.clone(),
        manifest_digest: resolved.manifest_digest,
    })
}

/// So many layers are on their way at once.
const LAYERS_AT_ONCE: usize = 4;
/// So many pieces from the network wait to be unpacked, per layer.
const PIECES: usize = 64;

/// How often one looks how far a layer is unpacked.
const LOOK: Duration = Duration::from_millis(100);

/// What the store has of a layer.
struct Plan {
    chain: Sha256Digest,
    tree: Option<TreeId>,
    blob: Option<Digest>,
}

/// A layer whose content is here, but not yet on its base.
struct Fetched {
    layer: Descriptor,
    diff_id: Sha256Digest,
    chain: Sha256Digest,
    blob: Digest,
    content: Content,
    took: Duration,
}

enum Content {
    Known(TreeId),
    New(Box<LayerWriter>),
}

/// What a download brought, before it is checked.
enum Arrived {
    /// Only the compressed bytes were wanted.
    Known(TreeId),
    New(Box<Result<Unpacked, UnpackError>>),
}

struct Context<'a> {
    client: &'a RegistryClient,
    store: &'a Store,
    resolved: &'a Resolved,
    progress: &'a dyn PullProgress,
}

impl Context<'_> {
    fn name(&self) -> String {
        self.resolved.pinned().to_string()
    }

    fn registry(&self, source: RegistryError) -> PullError {
        PullError::Registry { reference: self.name(), source: Box::new(source) }
    }

    fn unpacking(&self, source: UnpackError) -> PullError {
        PullError::Unpack { reference: self.name(), source: Box::new(source) }
    }

    fn storing(&self, source: StoreError) -> PullError {
        PullError::Store { reference: self.name(), source }
    }

    /// Runs what blocks where it may.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, PullError> {
        let store = self.store.clone();
        joined(tokio::task::spawn_blocking(move || work(&store)).await).map_err(|source| self.storing(source))
    }

    /// Waits for work that unpacks a layer, and tells every now and then how much of it has been read.
    async fn watched<T>(&self, digest: Sha256Digest, bytes: &AtomicU64, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                () = tokio::time::sleep(LOOK) => {
                    self.progress.extracted(&digest, bytes.load(Ordering::Relaxed));
                }
            }
        }
    }

    async fn plan(&self) -> Result<Vec<Plan>, PullError> {
        let chain = known::chain_ids(&self.resolved.config.diff_ids);
        let digests: Vec<Sha256Digest> =
            self.resolved.manifest.layers.iter().map(|layer| layer.digest).collect();
        let plans = self
            .blocking(move |store| {
                let plan = |(chain, digest): (Sha256Digest, Sha256Digest)| {
                    Ok(Plan { chain, tree: known::tree(store, &chain)?, blob: known::blob(store, &digest)? })
                };
                chain.into_iter().zip(digests).map(plan).collect::<Result<Vec<_>, StoreError>>()
            })
            .await?;
        for (layer, plan) in self.resolved.manifest.layers.iter().zip(&plans) {
            if !is_layer(&layer.media_type) {
                let (layer, media_type) = (layer.digest, layer.media_type.clone());
                return Err(self.unpacking(UnpackError::MediaType { layer, media_type }));
            }
            self.progress.layer(&layer.digest, layer.size, plan.blob.is_some());
        }
        Ok(plans)
    }

    /// Gets the content of one layer: from the store if it is there, else from the registry.
    async fn fetch(
        &self,
        layer: &Descriptor,
        diff_id: Sha256Digest,
        plan: Plan,
    ) -> Result<Fetched, PullError> {
        let start = Instant::now();
        let Plan { chain, tree, blob } = plan;
        let (blob, content) = match (tree, blob) {
            (Some(tree), Some(blob)) => (blob, Content::Known(tree)),
            (None, Some(blob)) => match self.unpack_stored(layer, diff_id, blob).await? {
                Some(writer) => (blob, Content::New(Box::new(writer))),
                None => self.download(layer, diff_id, None).await?,
            },
            (tree, None) => self.download(layer, diff_id, tree).await?,
        };
        Ok(Fetched { layer: layer.clone(), diff_id, chain, blob, content, took: start.elapsed() })
    }

    /// Unpacks a compressed layer that the store has; `None` if it is damaged there.
    async fn unpack_stored(
        &self,
        layer: &Descriptor,
        diff_id: Sha256Digest,
        blob: Digest,
    ) -> Result<Option<LayerWriter>, PullError> {
        let digest = layer.digest;
        let bytes = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&bytes);
        let work = self.blocking(move |store| {
            let inner = match store.open_blob(&blob) {
                Ok(inner) => inner,
                Err(error) if error.is_missing() => return Ok(None),
                Err(error) => return Err(error),
            };
            Ok(unpack(store, digest, Counted { inner, bytes: counter }, io::sink()).ok())
        });
        let outcome = self.watched(digest, &bytes, work).await?;
        match outcome {
            Some(outcome) if outcome.sha256 == digest => {
                self.checked(digest, diff_id, outcome.unpacked).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn checked(
        &self,
        layer: Sha256Digest,
        expected: Sha256Digest,
        unpacked: Result<Unpacked, UnpackError>,
    ) -> Result<LayerWriter, PullError> {
        let Unpacked { writer, diff_id: actual } = unpacked.map_err(|error| self.unpacking(error))?;
        if actual == expected {
            return Ok(writer);
        }
        Err(self.unpacking(UnpackError::WrongDiffId { layer, expected, actual }))
    }

    /// Downloads a layer and keeps it; unpacks it on the way unless its tree is known.
    async fn download(
        &self,
        layer: &Descriptor,
        diff_id: Sha256Digest,
        tree: Option<TreeId>,
    ) -> Result<(Digest, Content), PullError> {
        let start = Instant::now();
        let digest = layer.digest;
        let mut download =
            self.client.download(&self.resolved.reference, layer).map_err(|error| self.registry(error))?;
        let (pieces, incoming) = mpsc::channel(PIECES);
        let bytes = Arc::new(AtomicU64::new(0));
        let unpacks = tree.is_none();
        let inner = Incoming { pieces: incoming, piece: Bytes::new(), left: layer.size };
        let incoming = Counted { inner, bytes: Arc::clone(&bytes) };
        let store = self.store.clone();
        let task = tokio::task::spawn_blocking(move || {
            let keep = store.blob_writer();
            if let Some(tree) = tree {
                let (sha256, kept) = keep_only(incoming, keep)?;
                return Ok((sha256, kept, Arrived::Known(tree)));
            }
            let Outcome { sha256, kept, unpacked } = unpack(&store, digest, incoming, keep)?;
            Ok::<_, io::Error>((sha256, kept, Arrived::New(Box::new(unpacked))))
        });
        while let Some(piece) = download.next_chunk().await.map_err(|error| self.registry(error))? {
            self.progress.downloaded(&digest, piece.len() as u64);
            if unpacks {
                self.progress.extracted(&digest, bytes.load(Ordering::Relaxed));
            }
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        drop(pieces);
        let done = if unpacks { self.watched(digest, &bytes, task).await } else { task.await };
        let (sha256, blob, arrived) = joined(done).map_err(|error| {
            self.unpacking(UnpackError::Damaged { layer: digest, reason: error.to_string() })
        })?;
        download.check(sha256).map_err(|error| self.registry(error))?;
        let content = match arrived {
            Arrived::New(unpacked) => Content::New(Box::new(self.checked(digest, diff_id, *unpacked)?)),
            Arrived::Known(tree) => Content::Known(tree),
        };
        let took = start.elapsed();
        let blob = self
            .blocking(move |store| {
                let (blob, _) = blob.finish()?;
                known::remember_blob(store, &digest, &blob, took)?;
                Ok(blob)
            })
            .await?;
        Ok((blob, content))
    }

    /// Puts a layer on its base.
    async fn apply(&self, fetched: Fetched, base: Option<TreeId>) -> Result<LayerInfo, PullError> {
        let Fetched { layer, diff_id, chain, blob, content, took } = fetched;
        let tree = match content {
            Content::Known(tree) => tree,
            Content::New(writer) => {
                self.blocking(move |store| {
                    let tree = writer.finish(base.as_ref())?;
                    known::remember_tree(store, &chain, &tree, took)?;
                    Ok(tree)
                })
                .await?
            }
        };
        let Descriptor { media_type, digest, size, .. } = layer;
        Ok(LayerInfo { media_type, digest, size, diff_id, blob, tree })
    }
}

/// The result of a blocking task; a panic in it goes on here.
pub(crate) fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => panic!("the runtime was shut down: {error}"),
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Reads what a download sends, on a blocking thread.
struct Incoming {
    pieces: mpsc::Receiver<Bytes>,
    piece: Bytes,
    left: u64,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        while self.piece.is_empty() {
            let stopped = || io::Error::new(io::ErrorKind::UnexpectedEof, "the download was stopped");
            self.piece = self.pieces.blocking_recv().ok_or_else(stopped)?;
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
