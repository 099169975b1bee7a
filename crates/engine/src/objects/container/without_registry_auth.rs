//! `Container.withoutRegistryAuth`: forgets credentials for a registry.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::call::Call;
use crate::context::Cx;
use crate::engine::Engine;
use crate::error::OpError;
use crate::operation::Run;
use crate::value::ObjectValue;

/// Forgets the session's credentials for a registry.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!", cache = "never", eager = "")]
pub struct WithoutRegistryAuth {
    /// The registry, as it was given to `withRegistryAuth`.
    address: String,
}

impl Run for WithoutRegistryAuth {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Container, OpError> {
        cx.session.set_registry_auth(&self.address, None);
        Ok(Container::clone(&on))
    }

    /// The session has it now; the container is the same as before.
    fn pinned(_: &Engine, call: &Arc<Call>, _: &ObjectValue) -> Option<Arc<Call>> {
        call.receiver.clone()
    }
}
