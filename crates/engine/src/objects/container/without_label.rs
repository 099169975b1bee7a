//! `Container.withoutLabel`: removes a label. One that is not set is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes a label. One that is not set is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withLabel(name: "stage", value: "test").withoutLabel(name: "stage").label(name: "stage")"# => r#"null"#)]
pub struct WithoutLabel {
    /// Name of the label.
    name: String,
}

impl Run for WithoutLabel {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| {
            config.labels.remove(&self.name);
        }))
    }
}
