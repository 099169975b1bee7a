//! `EnvVariable.value`: its value.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::EnvVariable;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Its value.
#[derive(Operation)]
#[operation(on = "EnvVariable", returns = "String!")]
pub struct Value {}

impl Run for Value {
    type On = EnvVariable;
    type Output = String;

    async fn run(self, on: Arc<EnvVariable>, _: &Cx) -> Result<String, OpError> {
        Ok(on.value.clone())
    }
}
