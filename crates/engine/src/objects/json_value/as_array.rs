//! `JSONValue.asArray`: the elements of an array.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use super::tree::Value;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The elements of an array.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "[JSONValue!]!")]
#[example(r#"json.withContents(contents: "[1, 2, 3]").asArray.asInteger"# => r#"[1, 2, 3]"#)]
pub struct AsArray {}

impl Run for AsArray {
    type On = JsonValue;
    type Output = Vec<JsonValue>;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<Vec<JsonValue>, OpError> {
        match &*on.value {
            Value::Array(items) => Ok(items.iter().cloned().map(JsonValue::of).collect()),
            _ => Err(on.is_not("an array")),
        }
    }
}
