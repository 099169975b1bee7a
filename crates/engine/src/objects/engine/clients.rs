//! `Engine.clients`: the clients that are connected now, by their IDs.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Engine;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The clients that are connected now, by their IDs.
#[derive(Operation)]
#[operation(on = "Engine", returns = "[String!]!", cache = "never")]
#[example(r#"engine.clients"# => r#"like ["b2p1ykdz84nw5c7rcbq8tgqu3"]"#)]
pub struct Clients {}

impl Run for Clients {
    type On = Engine;
    type Output = Vec<String>;

    async fn run(self, _: Arc<Engine>, cx: &Cx) -> Result<Vec<String>, OpError> {
        Ok(cx.engine.client_ids())
    }
}
