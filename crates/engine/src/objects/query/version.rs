//! `Query.version`: which API the engine serves.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The version of the API that this engine serves, with a leading `v`.
#[derive(Operation)]
#[operation(on = "Query", returns = "String!")]
#[example(r#"version"# => r#""v…""#)]
pub struct Version {}

impl Run for Version {
    type On = Query;
    type Output = String;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<String, OpError> {
        Ok("v0.21.8".to_owned())
    }
}
