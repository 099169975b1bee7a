//! `Host.containerImage`: an image of the client's Docker, Podman or containerd.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_model::Platform;
use kukri_oci::Reference;

use super::Host;
use crate::args::ArgValue;
use crate::call::Call;
use crate::context::Cx;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::objects::container::Container;
use crate::objects::query::tree::Tree;
use crate::operation::Run;
use crate::value::ObjectValue;
use crate::vertex::edit::Source;
use crate::vertex::{TreeHandle, VertexOp};

/// Name of the archive in the tree that the session gives.
const ARCHIVE: &str = "image.tar";

/// An image of the client's Docker, Podman or containerd, whichever of `docker`, `podman` and `nerdctl` is found first and
/// answers.
#[derive(Operation)]
#[operation(on = "Host", returns = "Container!", cache = "session", eager = "")]
pub struct ContainerImage {
    /// Its name there. Without a tag: `latest`.
    name: String,
}

impl Run for ContainerImage {
    type On = Host;
    type Output = Container;

    async fn run(self, _: Arc<Host>, cx: &Cx) -> Result<Container, OpError> {
        let _: Reference = self.name.parse().or_fail()?;
        let tree = cx.session.save_image(cx, &tagged(&self.name)).await?;
        let source = Source { tree: TreeHandle::Known(tree), path: ARCHIVE.into() };
        Container::scratch(Platform::host()).imported(&source, String::new(), cx).await
    }

    fn pinned(engine: &Engine, _: &Arc<Call>, value: &ObjectValue) -> Option<Arc<Call>> {
        let container = value.downcast::<Container>().ok()?;
        let TreeHandle::Output(vertex, _) = &container.rootfs else { return None };
        let VertexOp::Import(import) = &vertex.op else { return None };
        let TreeHandle::Known(tree) = import.source else { return None };
        let path = ArgValue::String(Arc::clone(&import.path));
        let file = engine.pure_step(&Tree::call(engine, tree)?, "Directory", "file", vec![("path", path)])?;
        let empty = engine.pure_step(engine.root(), "Query", "container", Vec::new())?;
        engine.pure_step(&empty, "Container", "import", vec![("source", ArgValue::Ref(file))])
    }
}

/// The name with a tag or a digest: without one, Docker gives all images of that name.
fn tagged(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::tagged;

    #[test]
    fn names() {
        for (name, expected) in [
            ("app", "app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("app:1", "app:1"),
            ("team/app@sha256:00", "team/app@sha256:00"),
        ] {
            assert_eq!(tagged(name), expected);
        }
    }
}
