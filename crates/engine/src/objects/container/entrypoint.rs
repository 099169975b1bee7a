//! `Container.entrypoint`: the entrypoint.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The entrypoint.
#[derive(Operation)]
#[operation(on = "Container", returns = "[String!]!")]
#[example(r#"container.withEntrypoint(args: ["/app", "serve"]).entrypoint"# => r#"["/app", "serve"]"#)]
pub struct Entrypoint {}

impl Run for Entrypoint {
    type On = Container;
    type Output = Vec<String>;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Vec<String>, OpError> {
        Ok(on.config.entrypoint.clone().unwrap_or_default())
    }
}
