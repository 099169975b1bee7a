//! `Label.name`: its name.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Label;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Its name.
#[derive(Operation)]
#[operation(on = "Label", returns = "String!")]
#[example(r#"container.withLabel(name: "org.opencontainers.image.title", value: "hello").labels.name"# => r#"["org.opencontainers.image.title"]"#)]
pub struct Name {}

impl Run for Name {
    type On = Label;
    type Output = String;

    async fn run(self, on: Arc<Label>, _: &Cx) -> Result<String, OpError> {
        Ok(on.name.clone())
    }
}
