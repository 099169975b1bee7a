//! `Container.withoutWorkdir`: sets the working directory back to `/`.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Sets the working directory back to `/`.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withWorkdir(path: "/src").withoutWorkdir.withExec(args: ["pwd"]).stdout"# => r#""/\n""#)]
pub struct WithoutWorkdir {}

impl Run for WithoutWorkdir {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        Ok(on.configured(|config| config.working_dir.clear()))
    }
}
