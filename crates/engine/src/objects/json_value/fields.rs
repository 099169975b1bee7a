//! `JSONValue.fields`: names of the fields of an object, sorted.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use super::tree::Value;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Names of the fields of an object, sorted.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "[String!]!")]
#[example(r#"json.withContents(contents: "{\"port\": 80, \"name\": \"web\"}").fields"# => r#"["name", "port"]"#)]
pub struct Fields {}

impl Run for Fields {
    type On = JsonValue;
    type Output = Vec<String>;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<Vec<String>, OpError> {
        match &*on.value {
            Value::Object(fields) => Ok(fields.keys().cloned().collect()),
            _ => Err(on.is_not("an object")),
        }
    }
}
