//! `JSONValue.contents`: the value as JSON.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::JsonValue;
use crate::args::Json;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// The value as JSON. A text that was given, or that a file has, stays as it is. With `pretty`, and for values that were
/// made or taken out of others, fields of objects are sorted by name. Numbers stay as they are written, whatever their
/// size.
#[derive(Operation)]
#[operation(on = "JSONValue", returns = "JSON!")]
#[example(r#"json.withContents(contents: "{\"port\": 80, \"name\": \"web\"}").contents"# => r#""{\"port\": 80, \"name\": \"web\"}""#)]
#[example(r#"json.withContents(contents: "{\"port\": 80}").contents(pretty: true, indent: " ")"# => r#""{\n \"port\": 80\n}""#)]
pub struct Contents {
    /// Write it on several lines.
    #[arg(default = "false")]
    pretty: bool,
    /// What stands before a line once for each level. Only with `pretty`.
    #[arg(default = "\"  \"")]
    indent: String,
}

impl Run for Contents {
    type On = JsonValue;
    type Output = Json;

    async fn run(self, on: Arc<JsonValue>, _: &Cx) -> Result<Json, OpError> {
        if !self.pretty {
            return on.text().map(Json);
        }
        Ok(Json(on.value.text(Some(&self.indent))?.into()))
    }
}
