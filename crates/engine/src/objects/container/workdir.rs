//! `Container.workdir`: the working directory of execs; empty if none is set.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The working directory of execs; empty if none is set.
#[derive(Operation)]
#[operation(on = "Container", returns = "String!")]
#[example(r#"container.withWorkdir(path: "/src").workdir"# => r#""/src""#)]
#[example(r#"container.workdir"# => r#""""#)]
pub struct Workdir {}

impl Run for Workdir {
    type On = Container;
    type Output = String;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<String, OpError> {
        Ok(on.config.working_dir.clone())
    }
}
