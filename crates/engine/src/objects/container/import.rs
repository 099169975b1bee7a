//! `Container.import`: starts from an image in a tar.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::operation::Run;
use crate::vertex::edit::Source;
use crate::vertex::pull::Import as ImportVertex;
use crate::vertex::{Slot, TreeHandle, Vertex, VertexOp, VertexValue};

/// Starts from an image in an archive: an OCI layout, or what `docker save` writes.
///
/// Of several platforms, the one of the container is taken. Annotations of the image's manifest are taken over.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.import(source: container.from(address: "alpine").withNewFile(path: "/motd", contents: "hi").asTarball).file(path: "/motd").contents"# => r#""hi""#)]
pub struct Import {
    /// The archive.
    source: Ref<File>,
    /// Which image of the archive. Empty: the only one.
    #[arg(default = "\"\"")]
    tag: String,
}

impl Run for Import {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Container, OpError> {
        on.imported(&self.source.object.source, self.tag, cx).await
    }
}

impl Container {
    /// With the image that an archive has for the container's platform.
    pub async fn imported(&self, source: &Source, tag: String, cx: &Cx) -> Result<Self, OpError> {
        let vertex = Vertex::new(VertexOp::Import(ImportVertex {
            source: source.tree.clone(),
            path: Arc::clone(&source.path),
            tag,
            platform: self.config.platform.clone(),
        }));
        // Like that of `from`, the configuration can only be known by looking.
        let VertexValue::Image(image) = cx.solve(&vertex).await? else {
            return Err(OpError::new("internal error: an import did not give an image"));
        };
        let mut next = self.with_image(&image.config);
        next.rootfs = TreeHandle::Output(Arc::clone(&vertex), Slot::Tree);
        next.annotations = Arc::new(image.annotations.clone());
        next.last_exec = None;
        Ok(next)
    }
}
