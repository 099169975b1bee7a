//! `JSONValue.newString`: a text as JSON. What it is called on does not matter.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use super::tree::Value;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A text as JSON. What it is called on does not matter.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "JSONValue!")]
#[example(r#"json.newString(value: "say \"hello\"").contents"# => r#""\"say \\\"hello\\\"\"""#)]
pub struct NewString {
    /// The text.
    value: String,
}

impl Run for NewString {
    type On = JsonValue;
    type Output = JsonValue;

    async fn run(self, _: Arc<JsonValue>, _: &Cx) -> Result<JsonValue, OpError> {
        Ok(JsonValue::of(Value::String(self.value)))
    }
}
