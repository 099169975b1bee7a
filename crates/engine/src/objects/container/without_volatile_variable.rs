//! `Container.withoutVolatileVariable`: removes a volatile environment variable. One that is not set is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes a volatile environment variable. One that is not set is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withVolatileVariable(name: "BUILD_NUMBER", value: "42").withoutVolatileVariable(name: "BUILD_NUMBER").withExec(args: ["sh", "-c", "echo build ${BUILD_NUMBER:-none}"]).stdout"# => r#""build none\n""#)]
pub struct WithoutVolatileVariable {
    /// Name of the variable.
    name: String,
}

impl Run for WithoutVolatileVariable {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let mut next = on.changed();
        Arc::make_mut(&mut next.volatile_env).retain(|(name, _)| *name != self.name);
        Ok(next)
    }
}
