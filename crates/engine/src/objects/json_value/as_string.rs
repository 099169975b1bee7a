//! `JSONValue.asString`: a text.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use super::tree::Value;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// A text.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "String!")]
#[example(r#"json.withContents(contents: "{\"name\": \"hello\"}").field(path: ["name"]).asString"# => r#""hello""#)]
pub struct AsString {}

impl Run for AsString {
    type On = JsonValue;
    type Output = String;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<String, OpError> {
        match &*on.value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(on.is_not("a string")),
        }
    }
}
