//! `Address.container`: a container from the image with this reference.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Address;
use crate::args::ArgValue;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::value::Value;

/// A container from the image with this reference.
#[derive(Operation)]
#[operation(on = "Address", returns = "Container!", cache = "session", eager = "")]
#[example(r#"address(value: "alpine:3.20").container.withExec(args: ["echo", "hello"]).stdout"# => r#""hello\n""#)]
pub struct Container {}

impl Run for Container {
    type On = Address;
    type Output = Value;

    async fn run(self, on: Arc<Address>, cx: &Cx) -> Result<Value, OpError> {
        let args = vec![("address", ArgValue::String(Arc::clone(&on.value)))];
        on.follow(cx, "container", ("Container", "from", args)).await
    }
}
