//! OCI references, registries, images and layers in and out.
//!
//! Knows: the OCI specifications, the network, and how a layer becomes a tree in the store.
//! Must not know: the API, sandboxes, sessions.
#![forbid(unsafe_code)]

mod archive;
mod assemble;
mod compress;
pub mod digest;
pub mod export;
mod gzip;
pub mod image;
pub mod import;
mod known;
pub mod layer_out;
pub mod manifest;
pub mod pull;
pub mod push;
pub mod reference;
pub mod registry;
mod tar_read;
mod tar_write;
mod tree_diff;
pub mod unpack;

pub use digest::Sha256Digest;
pub use export::{ExportError, ExportImage, ExportOptions, Exported, export};
pub use image::ImageConfig;
pub use import::{ImportError, import};
pub use layer_out::{Compression, LayerError, layer_out, recompress};
pub use manifest::{Descriptor, Index, Manifest, MediaTypes};
pub use pull::{LayerInfo, NoProgress, PullError, PullProgress, PulledImage, pull};
pub use push::{PushError, PushProgress, push};
pub use reference::{ParseReferenceError, Reference};
pub use registry::{
    AuthProvider, BlobDownload, Credentials, NoAuth, ProxyConfig, RegistryClient, RegistryConfig,
    RegistryError, ResolveError, Resolved, StaticAuth,
};
pub use unpack::UnpackError;
