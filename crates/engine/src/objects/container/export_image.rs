//! `Container.exportImage`: puts the container as an image into a container engine of the client's machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_oci::Reference;

use super::Container;
use super::as_tarball::{ImageLayerCompression, ImageMediaTypes, images};
use crate::args::Ref;
use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::objects;
use crate::operation::Run;
use crate::vertex::edit::Source;
use crate::vertex::tarball::{FILE_NAME, tarball};
use crate::vertex::{Slot, TreeHandle};

/// Puts the container as an image into a container engine of the client's machine: Docker, Podman or containerd, whichever
/// of `docker`, `podman` and `nerdctl` is found first and answers.
#[derive(Operation)]
#[operation(on = "Container", returns = "Void!", cache = "never")]
pub struct ExportImage {
    /// Name of the image there: `app`, `registry.example.com/team/app:1.0`. Without a tag: `latest`.
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

impl Run for ExportImage {
    type On = Container;
    type Output = ();

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<(), OpError> {
        let reference: Reference = self.name.parse().or_fail()?;
        let mut image = images(&on, &self.platform_variants, self.forced_compression, self.media_types)?;
        image.name = Some(reference.clone());
        let source = Source { tree: TreeHandle::Output(tarball(image), Slot::Tree), path: FILE_NAME.into() };
        let (archive, _, size) = objects::file_entry(cx, &source).await?;
        cx.session.load_image(cx, source.tree, &reference.to_string(), (archive, size)).await
    }
}
