//! `Container.label`: the value of a label; null if it is not set.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The value of a label; null if it is not set.
#[derive(Operation)]
#[operation(on = "Container", returns = "String")]
#[example(r#"container.withLabel(name: "stage", value: "test").label(name: "stage")"# => r#""test""#)]
#[example(r#"container.label(name: "stage")"# => r#"null"#)]
pub struct Label {
    /// Name of the label.
    name: String,
}

impl Run for Label {
    type On = Container;
    type Output = Option<String>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Option<String>, OpError> {
        Ok(on.config.labels.get(&self.name).cloned())
    }
}
