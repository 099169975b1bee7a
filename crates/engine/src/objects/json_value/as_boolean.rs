//! `JSONValue.asBoolean`: a truth value.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use super::tree::Value;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A truth value.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "Boolean!")]
#[example(r#"json.withContents(contents: "{\"private\": true}").field(path: ["private"]).asBoolean"# => r#"true"#)]
pub struct AsBoolean {}

impl Run for AsBoolean {
    type On = JsonValue;
    type Output = bool;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<bool, OpError> {
        match &*on.value {
            Value::Bool(value) => Ok(*value),
            _ => Err(on.is_not("a boolean")),
        }
    }
}
