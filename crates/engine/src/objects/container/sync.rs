//! `Container.sync`: runs everything that this container needs, and gives its ID.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::call::Call;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Runs everything that this container needs, and gives its ID.
#[derive(Operation)]
#[operation(on = "Container", returns = "ID!", expected = "Container")]
#[example(r#"container.from(address: "alpine").withExec(args: ["echo", "hello"]).sync.stdout"# => r#""hello\n""#)]
#[example(r#"container.from(address: "alpine").withExec(args: ["false"]).sync.stdout"# => r#"raises "exit code: 1""#)]
pub struct Sync {}

impl Run for Sync {
    type On = Container;
    type Output = Arc<Call>;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Arc<Call>, OpError> {
        on.evaluate(cx).await?;
        cx.receiver()
    }
}
