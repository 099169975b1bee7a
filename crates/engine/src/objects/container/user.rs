//! `Container.user`: the user of execs; empty means root.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The user of execs; empty means root.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!")]
#[example(r#"container.withUser(name: "nobody").user"# => r#""nobody""#)]
pub struct User {}

impl Run for User {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<String, OpError> {
        Ok(on.config.user.clone())
    }
}
