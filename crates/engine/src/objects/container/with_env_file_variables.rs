//! `Container.withEnvFileVariables`: sets all variables of an environment file.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::env_file::EnvFile;
use crate::operation::Run;

/// Sets all variables of an environment file.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!", cache = "session")]
#[example(r#"container.from(address: "alpine").withEnvFileVariables(source: host.file(path: ".env").asEnvFile).withExec(args: ["sh", "-c", "echo $GREETING $NAME"]).stdout"# => r#""hello world\n""#)]
pub struct WithEnvFileVariables {
    /// The file.
    source: Ref<EnvFile>,
}

impl Run for WithEnvFileVariables {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Container, OpError> {
        let file = self.source.object;
        let names: Vec<Arc<str>> = file.variables().into_iter().map(|(name, _)| name).collect();
        let values = file.values(&names, cx).await?;
        let mut next = on.configured(|config| {
            for (name, value) in &values {
                config.set_env(name, value);
            }
        });
        let set = |name: &str| values.iter().any(|(known, _)| **known == *name);
        Arc::make_mut(&mut next.secret_env).retain(|(name, _)| !set(name));
        Arc::make_mut(&mut next.volatile_env).retain(|(name, _)| !set(name));
        Ok(next)
    }
}
