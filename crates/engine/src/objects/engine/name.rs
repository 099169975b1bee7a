//! `Engine.name`: the name of the machine on which the engine runs.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Engine;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The name of the machine on which the engine runs.
#[derive(Operation)]
#[operation(on = "Engine", returns = "String!", cache = "never")]
#[example(r#"engine.name"# => r#"like "buildhost""#)]
pub struct Name {}

impl Run for Name {
    type On = Engine;
    type Output = String;

    async fn run(self, _: Arc<Engine>, _: &Cx) -> Result<String, OpError> {
        Ok(rustix::system::uname().nodename().to_string_lossy().into_owned())
    }
}
