//! `JSONValue.newInteger`: a whole number as JSON. What it is called on does not matter.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use super::tree::Value;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A whole number as JSON. What it is called on does not matter.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "JSONValue!")]
#[example(r#"json.newInteger(value: 8080).contents"# => r#""8080""#)]
pub struct NewInteger {
    /// The number.
    value: i64,
}

impl Run for NewInteger {
    type On = JsonValue;
    type Output = JsonValue;

    async fn run(self, _: Arc<JsonValue>, _: &Cx) -> Result<JsonValue, OpError> {
        Ok(JsonValue::of(Value::Number(self.value.to_string().into())))
    }
}
