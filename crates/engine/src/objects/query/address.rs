//! `Query.address`: a text that stands for something else: an image, a directory, a secret, …

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::address::Address;
use crate::operation::Run;

/// A text that stands for something else: an image, a directory, a secret, …
#[derive(Operation)]
#[operation(on = "Query", returns = "Address!", name = "address")]
#[example(r#"address(value: "./src").directory.entries"# => r#"["hello.py"]"#)]
#[example(r#"address(value: "alpine:3.20").container.withExec(args: ["echo", "hello"]).stdout"# => r#""hello\n""#)]
pub struct GetAddress {
    /// The text.
    value: String,
}

impl Run for GetAddress {
    type On = Query;
    type Output = Address;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<Address, OpError> {
        Ok(Address { value: self.value.into() })
    }
}
