//! `Container.withLabel`: sets a label of the image.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets a label of the image.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withLabel(name: "org.opencontainers.image.title", value: "hello").label(name: "org.opencontainers.image.title")"# => r#""hello""#)]
pub struct WithLabel {
    /// Name of the label, such as `org.opencontainers.image.source`.
    name: String,
    /// Its value.
    value: String,
}

impl Run for WithLabel {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| {
            config.labels.insert(self.name, self.value);
        }))
    }
}
