//! `Container.from`: starts from an image of a registry.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_oci::Reference;

use super::Container;
use crate::args::{ArgValue, Ref};
use crate::call::Call;
use crate::context::Cx;
use crate::engine::Engine;
use crate::error::{OpError, OrFail};
use crate::objects::service::Service;
use crate::operation::Run;
use crate::value::ObjectValue;
use crate::vertex::pull::Pull;
use crate::vertex::{Slot, TreeHandle, Vertex, VertexOp};

/// Starts from an image of a registry.
///
/// A tag is resolved when this step is selected, once per session. The image's configuration replaces the present
/// one; variables, labels and exposed ports are merged. Mounts and secrets stay.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!", cache = "session", eager = "")]
#[example(r#"container.from(address: "alpine:3.20").withExec(args: ["echo", "hello"]).stdout"# => r#""hello\n""#)]
#[example(r#"container.withEnvVariable(name: "CI", value: "true").from(address: "alpine").envVariable(name: "CI")"# => r#""true""#)]
pub struct From {
    /// The image: `alpine`, `docker.io/library/alpine:3.20`, `registry.example.com/a/b@sha256:…`.
    address: String,
    /// Reach the registry by this service's name.
    #[arg(unavailable = "services are not supported yet; give an address that the engine can reach")]
    registry_service: Option<Ref<Service>>,
}

impl Run for From {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Container, OpError> {
        let reference: Reference = self.address.parse().or_fail()?;
        let client = cx.session.registry(cx.engine.registry_client());
        let platform = on.config.platform.clone();
        let resolved = cx.session.resolve(&cx.engine, &client, &reference, &platform).await?;
        let pinned = resolved.pinned().to_string();
        let pull = Pull { reference: pinned.clone(), resolved: Arc::clone(&resolved), client };
        let vertex = Vertex::new(VertexOp::Pull(pull));
        cx.describes(&vertex);
        let mut next = on.with_image(&resolved.config);
        next.rootfs = TreeHandle::Output(vertex, Slot::Tree);
        next.image_ref = Some(pinned.into());
        next.last_exec = None;
        Ok(next)
    }

    /// The same with the digest that the reference has now.
    fn pinned(_: &Engine, call: &Arc<Call>, value: &ObjectValue) -> Option<Arc<Call>> {
        let container = value.downcast::<Container>().ok()?;
        let address = ArgValue::String(Arc::clone(container.image_ref.as_ref()?));
        let mut args = call.args.clone();
        args.iter_mut().find(|(name, _)| *name == "address")?.1 = address;
        Some(Call::step(call.receiver.as_ref()?, call.operation?, args, None))
    }
}
