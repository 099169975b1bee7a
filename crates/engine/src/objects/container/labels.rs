//! `Container.labels`: the labels of the image.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// The labels of the image.
#[derive(Operation)]
#[operation(on = "Container", returns = "[Label!]!")]
#[example(r#"container.withLabel(name: "stage", value: "test").labels.value"# => r#"["test"]"#)]
pub struct Labels {}

impl Run for Labels {
    type On = Container;
    type Output = Vec<objects::label::Label>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Vec<objects::label::Label>, OpError> {
        let label = |(name, value): (&String, &String)| objects::label::Label {
            name: name.clone(),
            value: value.clone(),
        };
        Ok(on.config.labels.iter().map(label).collect())
    }
}
