//! `Address.value`: the text of the address.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Address;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The text of the address.
#[derive(Operation)]
#[operation(on = "Address", returns = "String!")]
#[example(r#"address(value: "alpine:3.20").value"# => r#""alpine:3.20""#)]
pub struct Value {}

impl Run for Value {
    type On = Address;
    type Output = String;

    async fn run(self, on: Arc<Address>, _: &Cx) -> Result<String, OpError> {
        Ok(on.value.to_string())
    }
}
