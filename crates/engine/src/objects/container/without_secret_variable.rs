//! `Container.withoutSecretVariable`: removes a variable set from a secret. One that is not set is no error.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes a variable set from a secret. One that is not set is no error.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withSecretVariable(name: "TOKEN", secret: setSecret(name: "token", plaintext: "s3cr3t")).withoutSecretVariable(name: "TOKEN").withExec(args: ["sh", "-c", "echo ${TOKEN:-none}"]).stdout"# => r#""none\n""#)]
pub struct WithoutSecretVariable {
    /// Name of the variable.
    name: String,
}

impl Run for WithoutSecretVariable {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let mut next = on.changed();
        Arc::make_mut(&mut next.secret_env).retain(|(name, _)| *name != self.name);
        Ok(next)
    }
}
