//! `Container.withVolatileVariable`: sets an environment variable that execs see, but whose value is not part of any cache key or image.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use super::state::{check_value, check_variable};
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets an environment variable that execs see, but whose value is not part of any cache key or image.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withVolatileVariable(name: "BUILD_NUMBER", value: "42").withExec(args: ["sh", "-c", "echo build $BUILD_NUMBER"]).stdout"# => r#""build 42\n""#)]
#[example(r#"container.from(address: "alpine").withVolatileVariable(name: "COMMIT", value: "a1").withExec(args: ["sh", "-c", "echo at $COMMIT"]).stdout; container.from(address: "alpine").withVolatileVariable(name: "COMMIT", value: "b2").withExec(args: ["sh", "-c", "echo at $COMMIT"]).stdout"# => r#""at a1\n""#)]
pub struct WithVolatileVariable {
    /// Name of the variable.
    name: String,
    /// Its value. A changed value alone runs nothing again.
    value: String,
}

impl Run for WithVolatileVariable {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        check_variable(&self.name)?;
        check_value(&self.name, &self.value)?;
        let mut next = on.changed();
        Arc::make_mut(&mut next.secret_env).retain(|(name, _)| *name != self.name);
        let variables = Arc::make_mut(&mut next.volatile_env);
        variables.retain(|(name, _)| *name != self.name);
        variables.push((self.name, self.value));
        Ok(next)
    }
}
