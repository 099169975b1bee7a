//! `JSONValue.newBoolean`: a truth value as JSON. What it is called on does not matter.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use super::tree::Value;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A truth value as JSON. What it is called on does not matter.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "JSONValue!")]
#[example(r#"json.newBoolean(value: true).contents"# => r#""true""#)]
pub struct NewBoolean {
    /// The truth value.
    value: bool,
}

impl Run for NewBoolean {
    type On = JsonValue;
    type Output = JsonValue;

    async fn run(self, _: Arc<JsonValue>, _: &Cx) -> Result<JsonValue, OpError> {
        Ok(JsonValue::of(Value::Bool(self.value)))
    }
}
