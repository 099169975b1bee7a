//! `File.asJSON`: the file as a JSON value.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::File;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file_text;
use crate::objects::json_value::JsonValue;
use crate::operation::Run;

/// The file as a JSON value.
#[derive(Operation)]
#[operation(on = "File", returns = "JSONValue!", name = "asJSON")]
#[example(r#"file(name: "package.json", contents: "{\"name\": \"hello\"}").asJSON.field(path: ["name"]).asString"# => r#""hello""#)]
pub struct AsJson {}

impl Run for AsJson {
    type On = File;
    type Output = JsonValue;

    async fn run(self, on: Arc<File>, cx: &Cx) -> Result<JsonValue, OpError> {
        let text = file_text(cx, &on.source).await?;
        JsonValue::parse(&text).map_err(|error| OpError::new(format!("{}: {error}", on.source.path)))
    }
}
