//! `Container.export`: writes the container as an image archive to the client's machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use super::as_tarball::{ImageLayerCompression, ImageMediaTypes, image_archive};
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;
use crate::vertex::edit::Source;
use crate::vertex::tarball::FILE_NAME;
use crate::vertex::{Slot, TreeHandle};

/// Writes the container as an image archive to the client's machine: an OCI layout that `docker load` understands as
/// well. Gives the absolute path.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!", cache = "never")]
#[example(r#"container.withNewFile(path: "/motd", contents: "hi").export(path: "dist/image.tar")"# => r#""/…/dist/image.tar""#)]
#[example(r#"container.withNewFile(path: "/motd", contents: "hi").export(path: "dist/image.tar"); container.import(source: host.file(path: "dist/image.tar")).file(path: "/motd").contents"# => r#""hi""#)]
pub struct Export {
    /// Where, relative to the client's working directory.
    path: String,
    /// Further containers of the same image for other platforms.
    #[arg(default = "[]")]
    platform_variants: Vec<Ref<Container>>,
    /// Compress all layers like this. Default: layers of base images stay as they are, new ones get gzip.
    forced_compression: Option<ImageLayerCompression>,
    /// Which family of media types is used.
    #[arg(default = "OCIMediaTypes")]
    media_types: ImageMediaTypes,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for Export {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<String, OpError> {
        let path = if self.expand { on.expand(&self.path)? } else { self.path };
        let vertex = image_archive(&on, &self.platform_variants, self.forced_compression, self.media_types)?;
        let source = Source { tree: TreeHandle::Output(vertex, Slot::Tree), path: FILE_NAME.into() };
        let entry = objects::file_entry(cx, &source).await?;
        cx.session.export_file(cx, source.tree, FILE_NAME, entry, path, false).await
    }
}
