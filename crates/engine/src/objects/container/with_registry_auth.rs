//! `Container.withRegistryAuth`: credentials for a registry.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::call::Call;
use crate::context::Cx;
use crate::engine::Engine;
use crate::error::OpError;
use crate::objects::secret::Secret;
use crate::operation::Run;
use crate::value::ObjectValue;

/// Gives the session credentials for a registry. They hold for the whole session at once, not only for this container.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!", cache = "never", eager = "")]
pub struct WithRegistryAuth {
    /// The registry, with a repository if they hold for that alone: `registry.example.com/team`.
    address: String,
    /// User name.
    username: String,
    /// Password or token.
    secret: Ref<Secret>,
}

impl Run for WithRegistryAuth {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Container, OpError> {
        let password = cx.session.secret(&self.secret.object).await?;
        let password = String::from_utf8(password.to_vec())
            .map_err(|_| OpError::new("the secret for a registry must be text"))?;
        cx.session.set_registry_auth(&self.address, Some((self.username, password)));
        Ok(Container::clone(&on))
    }

    /// The session has it now; the container is the same as before.
    fn pinned(_: &Engine, call: &Arc<Call>, _: &ObjectValue) -> Option<Arc<Call>> {
        call.receiver.clone()
    }
}
