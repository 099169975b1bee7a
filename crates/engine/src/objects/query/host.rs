//! `Query.host`: the client's machine.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// The client's machine.
#[derive(Operation)]
#[operation(on = "Query", returns = "Host!", cache = "session")]
#[example(r#"host.file(path: "README.md").contents"# => r##""# Hello\n\nA small project.\n""##)]
pub struct Host {}

impl Run for Host {
    type On = Query;
    type Output = objects::host::Host;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<objects::host::Host, OpError> {
        Ok(objects::host::Host)
    }
}
