//! `Container.withoutAnnotation`: removes an annotation. One that is not set is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes an annotation. One that is not set is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withMountedFile(path: "/image.tar", source: container.withNewFile(path: "/motd", contents: "hi").withAnnotation(name: "stage", value: "test").withoutAnnotation(name: "stage").asTarball).withExec(args: ["sh", "-c", "tar -xOf /image.tar index.json | grep -c stage"], expect: ANY).stdout"# => r#""0\n""#)]
pub struct WithoutAnnotation {
    /// Name of the annotation.
    name: String,
}

impl Run for WithoutAnnotation {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let mut next = on.changed();
        Arc::make_mut(&mut next.annotations).remove(&self.name);
        Ok(next)
    }
}
