//! `JSONValue.field`: the value of a field, however deep inside objects.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The value of a field, however deep inside objects.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "JSONValue!")]
#[example(r#"json.withContents(contents: "{\"server\": {\"port\": 80}}").field(path: ["server", "port"]).asInteger"# => r#"80"#)]
#[example(r#"json.withContents(contents: "{\"server\": {}}").field(path: ["server", "port"]).asInteger"# => r#"raises "no such field""#)]
pub struct Field {
    /// Names of fields, from outside inwards; with none, the value itself is given.
    path: Vec<String>,
}

impl Run for Field {
    type On = JsonValue;
    type Output = JsonValue;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<JsonValue, OpError> {
        on.field(&self.path)
    }
}
