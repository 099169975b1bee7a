//! `Container.asTarball`: the container as an image archive.

use std::convert::Infallible;
use std::sync::Arc;

use kukri_engine_macros::{ApiEnum, Operation};
use kukri_oci::export::ExportError;
use kukri_oci::{Compression, MediaTypes};

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::{OpError, OrFail};
use crate::objects::file::File;
use crate::operation::Run;
use crate::value::ObjectType;
use crate::vertex::edit::Source;
use crate::vertex::layers::LayerHistory;
use crate::vertex::tarball::{FILE_NAME, TarImage, Tarball, tarball};
use crate::vertex::{Slot, TreeHandle, Vertex};

/// How layers of an image are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum ImageLayerCompression {
    /// Gzip.
    #[member(name = "Gzip", alias = "GZIP")]
    Gzip,
    /// Zstandard.
    #[member(name = "Zstd", alias = "ZSTD")]
    Zstd,
    /// Gzip with an index for lazy pulling.
    #[member(
        name = "EStarGZ",
        alias = "ESTARGZ",
        unavailable = "eStargz layers cannot be written yet; use Gzip or Zstd"
    )]
    EStarGz(Infallible),
    /// Not at all.
    #[member(name = "Uncompressed", alias = "UNCOMPRESSED")]
    Uncompressed,
}

/// Which family of media types an image is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum ImageMediaTypes {
    /// Those of the OCI.
    #[member(name = "OCIMediaTypes", alias = "OCI")]
    Oci,
    /// Those of Docker.
    #[member(name = "DockerMediaTypes", alias = "DOCKER")]
    Docker,
}

/// The container as an image archive: an OCI layout that `docker load` understands as well.
///
/// Each step that changed the file system is a layer; those of the base image stay as they are. Mounts and secrets are
/// not part of it.
#[derive(Operation)]
#[operation(on = "Container", returns = "File!")]
#[example(r#"container.withNewFile(path: "/motd", contents: "hi").asTarball.name"# => r#""container.tar""#)]
#[example(r#"container.from(address: "alpine").withMountedFile(path: "/image.tar", source: container.withNewFile(path: "/motd", contents: "hi").asTarball).withExec(args: ["sh", "-c", "tar -tf /image.tar | grep -v blobs"]).stdout"# => r#""oci-layout\nindex.json\nmanifest.json\n""#)]
#[example(r#"container.withNewFile(path: "/motd", contents: "hi").asTarball(forcedCompression: Zstd, mediaTypes: OCIMediaTypes).size"# => r#"like 5120"#)]
pub struct AsTarball {
    /// Further containers of the same image for other platforms.
    #[arg(default = "[]")]
    platform_variants: Vec<Ref<Container>>,
    /// Compress all layers like this. Default: layers of base images stay as they are, new ones get gzip.
    forced_compression: Option<ImageLayerCompression>,
    /// Which family of media types is used.
    #[arg(default = "OCIMediaTypes")]
    media_types: ImageMediaTypes,
}

impl Run for AsTarball {
    type On = Container;
    type Output = File;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<File, OpError> {
        let vertex = image_archive(&on, &self.platform_variants, self.forced_compression, self.media_types)?;
        File::at(Source { tree: TreeHandle::Output(vertex, Slot::Tree), path: FILE_NAME.into() })
    }
}

/// The vertex that writes `container` and its variants.
pub fn image_archive(
    container: &Container,
    variants: &[Ref<Container>],
    compression: Option<ImageLayerCompression>,
    media_types: ImageMediaTypes,
) -> Result<Arc<Vertex>, OpError> {
    Ok(tarball(images(container, variants, compression, media_types)?))
}

/// `container` and its variants as images, for an archive or a registry.
pub fn images(
    container: &Container,
    variants: &[Ref<Container>],
    compression: Option<ImageLayerCompression>,
    media_types: ImageMediaTypes,
) -> Result<Tarball, OpError> {
    let compression = match compression {
        None => None,
        Some(ImageLayerCompression::Gzip) => Some(Compression::Gzip),
        Some(ImageLayerCompression::Zstd) => Some(Compression::Zstd),
        Some(ImageLayerCompression::Uncompressed) => Some(Compression::Uncompressed),
        Some(ImageLayerCompression::EStarGz(never)) => match never {},
    };
    let media_types = match media_types {
        ImageMediaTypes::Oci => MediaTypes::Oci,
        ImageMediaTypes::Docker => MediaTypes::Docker,
    };
    let mut images = Vec::with_capacity(1 + variants.len());
    for container in std::iter::once(container).chain(variants.iter().map(|variant| &*variant.object)) {
        container.check()?;
        // An empty one is only there to call this on.
        if container.is_scratch() {
            continue;
        }
        let platform = &container.config.platform;
        if images.iter().any(|image: &TarImage| image.config.platform == *platform) {
            return Err(OpError::new(format!(
                "duplicate platform {:?}: an image has one container for each platform",
                platform.to_string()
            )));
        }
        images.push(TarImage {
            config: Arc::clone(&container.config),
            annotations: Arc::clone(&container.annotations),
            history: LayerHistory::of(&container.rootfs),
        });
    }
    if images.is_empty() {
        return Err(ExportError::Nothing).or_fail();
    }
    Ok(Tarball { images, compression, media_types, name: None })
}
