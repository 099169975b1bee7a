//! `Port.description`: what is behind it; null if that was not said.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Port;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// What is behind it; null if that was not said.
#[derive(Operation)]
#[operation(on = "Port", returns = "String")]
#[example(r#"container.withExposedPort(port: 8080, description: "web").withExposedPort(port: 9090).exposedPorts.description"# => r#"["web", null]"#)]
pub struct Description {}

impl Run for Description {
    type On = Port;
    type Output = Option<String>;

    async fn run(self, on: Arc<Port>, _: &Cx) -> Result<Option<String>, OpError> {
        Ok(on.detail.description.clone())
    }
}
