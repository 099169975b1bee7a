//! `Container.withEnvVariable`: sets an environment variable.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use super::state::{check_value, check_variable};
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets an environment variable.
///
/// A variable of that name is replaced in place.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withEnvVariable(name: "GREETING", value: "hello").withExec(args: ["sh", "-c", "echo $GREETING"]).stdout"# => r#""hello\n""#)]
#[example(r#"container.withEnvVariable(name: "PATH", value: "/usr/bin").withEnvVariable(name: "PATH", value: "/opt/bin:$PATH", expand: true).envVariable(name: "PATH")"# => r#""/opt/bin:/usr/bin""#)]
pub struct WithEnvVariable {
    /// Name of the variable.
    name: String,
    /// Its value.
    value: String,
    /// Replace `$NAME` and `${NAME}` in the value by the variables set so far.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithEnvVariable {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        check_variable(&self.name)?;
        let value = if self.expand { on.expand(&self.value)? } else { self.value };
        check_value(&self.name, &value)?;
        let mut next = on.configured(|config| config.set_env(&self.name, &value));
        Arc::make_mut(&mut next.secret_env).retain(|(name, _)| *name != self.name);
        Arc::make_mut(&mut next.volatile_env).retain(|(name, _)| *name != self.name);
        if self.expand {
            next.check_variables()?;
        }
        Ok(next)
    }
}
