//! `Container.withAnnotation`: sets an annotation of the image's manifest.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets an annotation of the image's manifest.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withMountedFile(path: "/image.tar", source: container.withNewFile(path: "/motd", contents: "hi").withAnnotation(name: "stage", value: "test").asTarball).withExec(args: ["sh", "-c", "tar -xOf /image.tar index.json | grep -c stage"]).stdout"# => r#""1\n""#)]
pub struct WithAnnotation {
    /// Name of the annotation.
    name: String,
    /// Its value.
    value: String,
}

impl Run for WithAnnotation {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let mut next = on.changed();
        Arc::make_mut(&mut next.annotations).insert(self.name, self.value);
        Ok(next)
    }
}
