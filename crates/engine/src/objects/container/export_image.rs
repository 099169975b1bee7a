//! `Container.exportImage`: puts the container as an image into the Docker or containerd of the client's machine.

use kukri_engine_macros::Operation;

use super::Container;
use super::as_tarball::{ImageLayerCompression, ImageMediaTypes};
use crate::args::Ref;

/// Puts the container as an image into the Docker or containerd of the client's machine.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Void!",
    cache = "never",
    unavailable = "images cannot be put into the client's Docker or containerd yet; use export, and docker load"
)]
pub struct ExportImage {
    /// Name of the image.
    name: String,
    /// Further containers of the same image for other platforms.
    #[arg(default = "[]")]
    platform_variants: Vec<Ref<Container>>,
    /// Compress all layers like this. Default: layers of base images stay as they are, new ones get gzip.
    forced_compression: Option<ImageLayerCompression>,
    /// Which family of media types is used.
    #[arg(default = "OCIMediaTypes")]
    media_types: ImageMediaTypes,
}
