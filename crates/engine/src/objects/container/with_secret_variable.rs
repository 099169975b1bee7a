//! `Container.withSecretVariable`: sets an environment variable to the value of a secret.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use super::state::check_variable;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::secret::Secret;
use crate::operation::Run;

/// Sets an environment variable to the value of a secret.
///
/// The value reaches no cache key, log or image.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withSecretVariable(name: "TOKEN", secret: setSecret(name: "token", plaintext: "s3cr3t")).withExec(args: ["sh", "-c", "test -n \"$TOKEN\" && echo set"]).stdout"# => r#""set\n""#)]
#[example(r#"container.from(address: "alpine").withSecretVariable(name: "TOKEN", secret: setSecret(name: "token", plaintext: "s3cr3t")).withExec(args: ["sh", "-c", "echo $TOKEN"]).stdout"# => r#""***\n""#)]
pub struct WithSecretVariable {
    /// Name of the variable.
    name: String,
    /// The secret.
    secret: Ref<Secret>,
}

impl Run for WithSecretVariable {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        check_variable(&self.name)?;
        let mut next = on.configured(|config| config.env.retain(|(name, _)| *name != self.name));
        Arc::make_mut(&mut next.volatile_env).retain(|(name, _)| *name != self.name);
        let variables = Arc::make_mut(&mut next.secret_env);
        variables.retain(|(name, _)| *name != self.name);
        variables.push((self.name, self.secret.object));
        Ok(next)
    }
}
