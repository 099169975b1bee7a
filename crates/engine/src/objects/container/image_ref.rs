//! `Container.imageRef`: the reference of the image this was made from, with its digest: right after `from` only.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The reference of the image this was made from, with its digest: right after `from` only.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!")]
#[example(r#"container.from(address: "alpine").imageRef"# => r#""docker.io/library/alpine:latest@sha256:…""#)]
#[example(r#"container.from(address: "alpine").withEnvVariable(name: "CI", value: "true").imageRef"# => r#"raises "Image reference can only be retrieved immediately after""#)]
pub struct ImageRef {}

impl Run for ImageRef {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<String, OpError> {
        on.image_ref.as_ref().map(ToString::to_string).ok_or_else(|| {
            OpError::new(
                "Image reference can only be retrieved immediately after the 'Container.From' call. \
                 Move the imageRef call to right after from.",
            )
        })
    }
}
