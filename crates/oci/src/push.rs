//! Images to a registry.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kukri_model::Digest;
use kukri_store::Store;
use tokio::sync::mpsc;

use crate::assemble::{Document, Source, assemble};
use crate::export::{ExportError, ExportImage, ExportOptions};
use crate::pull::{NoProgress, joined};
use crate::reference::Reference;
use crate::registry::{Payload, RegistryClient, RegistryError};

/// An image could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry failed.
    #[error("failed to push {reference}: {source}")]
    Registry {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// The image cannot be made.
    #[error("failed to push {reference}: {source}")]
    Image {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: ExportError,
    },
}

/// Is told how a push goes on. Called often; must return at once.
pub trait PushProgress: Send + Sync + 'static {
    /// So many bytes are the images, in all.
    fn total(&self, bytes: u64);
    /// The registry has so many of them.
    fn present(&self, bytes: u64);
    /// `bytes` more are on their way.
    fn sent(&self, bytes: u64);
    /// `bytes` that were on their way did not arrive, and are sent once more.
    fn lost(&self, bytes: u64);
}

impl PushProgress for NoProgress {
    fn total(&self, _: u64) {}
    fn present(&self, _: u64) {}
    fn sent(&self, _: u64) {}
    fn lost(&self, _: u64) {}
}

/// Blobs on their way at once.
const BLOBS_AT_ONCE: usize = 3;
const PIECE: usize = 256 << 10;
const DEFAULT_TAG: &str = "latest";

/// Publishes images, one per platform, as `reference`. Returns the reference pinned to what was pushed. Blobs that the
/// repository has are not sent. `options.name` is not used.
/// `progress` is told how it goes on.
pub async fn push(
    client: &RegistryClient,
    store: &Store,
    images: Vec<ExportImage>,
    options: ExportOptions,
    reference: &Reference,
    progress: Arc<dyn PushProgress>,
) -> Result<Reference, PushError> {
    let registry =
        |source| PushError::Registry { reference: reference.to_string(), source: Box::new(source) };
    let image = |source| PushError::Image { reference: reference.to_string(), source };
    let assembling = store.clone();
    let assembly = tokio::task::spawn_blocking(move || assemble(&assembling, &images, &options));
    let assembly = joined(assembly.await).map_err(image)?;
    let root = assembly.root().ok_or(ExportError::Nothing).map_err(image)?;

    // Collected first: a closure that makes futures of borrowed arguments keeps `push` from being `Send`.
    let mut uploads = Vec::with_capacity(assembly.blobs.len());
    progress.total(assembly.blobs.values().map(|(size, _)| size).sum());
    for (digest, (size, source)) in &assembly.blobs {
        let payload = match source {
            Source::Bytes(bytes) => Payload::Bytes(bytes.clone().into()),
            Source::Stored(blob) => streamed(store, *blob, *size, &progress),
        };
        let is_streamed = matches!(source, Source::Stored(_));
        let (upload, progress) = (client.put_blob(reference, digest, payload), &progress);
        uploads.push(async move {
            match upload.await? {
                false => progress.present(*size),
                true if is_streamed => {}
                true => progress.sent(*size),
            }
            Ok::<_, RegistryError>(())
        });
    }
    let mut uploads = stream::iter(uploads).buffer_unordered(BLOBS_AT_ONCE);
    while let Some(uploaded) = uploads.next().await {
        uploaded.map_err(registry)?;
    }
    drop(uploads);

    let tag = reference.tag().unwrap_or(DEFAULT_TAG);
    for (Document { descriptor, bytes }, _) in assembly.manifests.iter().filter(|_| assembly.index.is_some())
    {
        let target = descriptor.digest.to_string();
        let bytes = bytes.clone().into();
        client.put_manifest(reference, &target, &descriptor.media_type, bytes).await.map_err(registry)?;
    }
    let bytes = root.bytes.clone().into();
    client.put_manifest(reference, tag, &root.descriptor.media_type, bytes).await.map_err(registry)?;
    let tagged = if reference.tag().is_some() { reference.clone() } else { with_default_tag(reference) };
    Ok(tagged.with_digest(root.descriptor.digest))
}

fn with_default_tag(reference: &Reference) -> Reference {
    // The tag is a constant that is valid.
    reference.with_tag(DEFAULT_TAG).unwrap_or_else(|_| reference.clone())
}

/// A stored blob as the body of a request, read on a blocking thread.
fn streamed(store: &Store, blob: Digest, length: u64, progress: &Arc<dyn PushProgress>) -> Payload {
    let (store, progress) = (store.clone(), Arc::clone(progress));
    // What the attempt before has sent of it.
    let attempt = Arc::new(AtomicU64::new(0));
    let make = move || {
        progress.lost(attempt.swap(0, Ordering::Relaxed));
        let (pieces, incoming) = mpsc::channel::<io::Result<Bytes>>(4);
        let (store, progress, attempt) = (store.clone(), Arc::clone(&progress), Arc::clone(&attempt));
        tokio::task::spawn_blocking(move || {
            let send = |piece| pieces.blocking_send(piece).is_ok();
            let mut reader = match store.open_blob(&blob) {
                Ok(reader) => reader,
                Err(error) => {
                    send(Err(io::Error::other(error)));
                    return;
                }
            };
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                match (&mut reader).take(PIECE as u64).read_to_end(&mut piece) {
                    Ok(0) => return,
                    Ok(_) if send(Ok(piece.into())) => {}
                    Ok(_) => return,
                    Err(error) => {
                        send(Err(error));
                        return;
                    }
                }
            }
        });
        let send = move |mut incoming: mpsc::Receiver<io::Result<Bytes>>| {
            let (progress, attempt) = (Arc::clone(&progress), Arc::clone(&attempt));
            async move {
                let piece = incoming.recv().await?;
                let bytes = piece.as_ref().map_or(0, |piece| piece.len() as u64);
                attempt.fetch_add(bytes, Ordering::Relaxed);
                progress.sent(bytes);
                Some((piece, incoming))
            }
        };
        reqwest::Body::wrap_stream(stream::unfold(incoming, send))
    };
    Payload::Stream { length, make: Arc::new(make) }
}
