//! `JSONValue.withContents`: the value that a text in JSON stands for. What it is called on does not matter.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use crate::args::Json;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The value that a text in JSON stands for. What it is called on does not matter.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "JSONValue!")]
#[example(r#"json.withContents(contents: "{\"port\": 80}").field(path: ["port"]).asInteger"# => r#"80"#)]
pub struct WithContents {
    /// The text.
    contents: Json,
}

impl Run for WithContents {
    type On = JsonValue;
    type Output = JsonValue;

    async fn run(self, _: Arc<JsonValue>, _: &Cx) -> Result<JsonValue, OpError> {
        JsonValue::parse(&self.contents.0)
    }
}
